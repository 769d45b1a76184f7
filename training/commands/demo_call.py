"""``callstream train demo-call``."""

from pathlib import Path
from typing import Annotated

import typer

from training.asr.synthesis.demo_call import write_demo_call


def make_demo_call(
    out: Annotated[Path, typer.Option("--out", help="Folder for the recording.")],
) -> None:
    """Speak the written dialogue of the demo call into a two-channel recording."""
    write_demo_call(out)
    typer.echo(str(out))

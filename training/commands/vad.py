"""``callstream train vad``."""

from pathlib import Path
from typing import Annotated

import typer

from training.vad.rearrange import write_networks


def rearrange_vad(
    source: Annotated[
        Path, typer.Argument(help="silero_vad/data/silero_vad.onnx of the package silero-vad.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the networks.")],
) -> None:
    """Write the bundled voice activity networks from those of the Silero package."""
    for path in write_networks(source, out):
        typer.echo(str(path))

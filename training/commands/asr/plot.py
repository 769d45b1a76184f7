"""``callstream train asr-plot``."""

from pathlib import Path
from typing import Annotated

import typer

from training.core.curves import plot_curves
from training.core.run_metrics import read_metrics


def plot_asr(
    run: Annotated[Path, typer.Argument(help="Folder of a run, with its metrics.")],
    out: Annotated[Path, typer.Option("--out", help="PNG to write.")] = Path("losses.png"),
) -> None:
    """Draw the curves of a run: losses, and the word error rate of its validations."""
    plot_curves(read_metrics(run), out)
    typer.echo(str(out))

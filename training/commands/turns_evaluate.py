"""``callstream train turns-evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.options import TURNS_WORK
from training.commands.turns_table import print_summary
from training.turns.corpus.examples import SET_NAMES
from training.turns.experiment import evaluate_models, model_folders
from training.turns.folders import RunFolders

_SETS = SET_NAMES[:4]


def _between_zero_and_one(threshold: float) -> float:
    if not 0 < threshold < 1:
        raise typer.BadParameter("it lies between 0 and 1")
    return threshold


def evaluate_turns(
    folder: Annotated[Path, typer.Argument(help="Folder of a model, or of several.")],
    data: Annotated[
        Path, typer.Option("--data", help="Work folder of a run, with its prepared data.")
    ] = TURNS_WORK,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results/; by default that of --data.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--on", help="Test set; may be repeated.")
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold",
            callback=_between_zero_and_one,
            help="Probability from which an utterance counts as complete.",
        ),
    ] = 0.5,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Texts of one batch.")] = 64,
) -> None:
    """Measure trained models of the turn detection on prepared data, and write their cards."""
    summary = evaluate_models(
        model_folders(folder),
        RunFolders(data, folder, results=out),
        tuple(sets or _SETS),
        threshold=threshold,
        batch=batch,
    )
    print_summary(summary)

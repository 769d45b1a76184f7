"""``callstream train turns``."""

from pathlib import Path
from typing import Annotated

import typer

from training.commands.options import (
    DATA,
    TURNS_WORK,
    RecipeArgument,
    ResumeOption,
    SetOption,
)
from training.commands.turns_table import print_summary
from training.turns.experiment import run_experiment
from training.turns.folders import RunFolders
from training.turns.recipe import read_recipe


def train_turns(
    recipe: RecipeArgument,
    data: Annotated[Path, typer.Option("--data", help="Folder with text/.")] = DATA,
    work: Annotated[
        Path, typer.Option("--work", help="Folder for data sets, checkpoints and results.")
    ] = TURNS_WORK,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the models; by default WORK/models.")
    ] = None,
    changes: SetOption = None,
    *,
    resume: ResumeOption = False,
) -> None:
    """Run the experiment of the turn detection: data, models, evaluation, figures."""
    folders = RunFolders(work, out or work / "models")
    summary = run_experiment(read_recipe(recipe, changes or []), data, folders, resume=resume)
    print_summary(summary)
    typer.echo(f"models in {folders.out}, figures in {folders.figures.parent}")

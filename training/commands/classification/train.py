"""``callstream train classification``."""

from pathlib import Path
from typing import Annotated

import typer

from training.classification.experiment import train_classifier
from training.classification.learning.run import LearningFolders
from training.classification.recipe import read_recipe
from training.commands.classification.figures_table import print_evaluation
from training.commands.options import (
    CLASSIFICATION_WORK,
    DATA,
    RecipeArgument,
    ResumeOption,
    SetOption,
)


def train_classification(
    recipe: RecipeArgument,
    data: Annotated[Path, typer.Option("--data", help="Folder with text/.")] = DATA,
    work: Annotated[
        Path, typer.Option("--work", help="Folder for rows, checkpoints and metrics.")
    ] = CLASSIFICATION_WORK,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the model; by default WORK/model.")
    ] = None,
    changes: SetOption = None,
    *,
    resume: ResumeOption = False,
) -> None:
    """Train a model that labels calls: data, learning, calibration, figures, card."""
    folders = LearningFolders(work, out or work / "model")
    evaluation = train_classifier(read_recipe(recipe, changes or []), data, folders, resume=resume)
    print_evaluation(evaluation)
    typer.echo(f"model in {folders.out}")

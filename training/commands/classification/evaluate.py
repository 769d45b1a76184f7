"""``callstream train classification-evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from training.classification.experiment import evaluate_classifier
from training.classification.recipe import read_recipe
from training.commands.classification.figures_table import print_evaluation
from training.commands.options import CLASSIFICATION_WORK, RecipeArgument, SetOption


def evaluate_classification(
    recipe: RecipeArgument,
    model: Annotated[
        Path, typer.Argument(help="Folder of a trained model, or manifest of an exported one.")
    ],
    data: Annotated[
        Path, typer.Option("--data", help="Work folder of a run, with its prepared rows.")
    ] = CLASSIFICATION_WORK,
    changes: SetOption = None,
) -> None:
    """Measure a classification model on prepared rows: figures, plots, report."""
    evaluation = evaluate_classifier(model, data, read_recipe(recipe, changes or []).evaluation)
    print_evaluation(evaluation)

"""``callstream train classification-prepare``."""

from pathlib import Path
from typing import Annotated

import typer

from models.console import WorkProgress
from training.classification.prepare import prepare
from training.classification.recipe import read_recipe
from training.commands.classification.report_table import print_report
from training.commands.options import CLASSIFICATION_WORK, DATA, RecipeArgument, SetOption


def prepare_classification(
    recipe: RecipeArgument,
    data: Annotated[Path, typer.Option("--data", help="Folder with text/, speech/.")] = DATA,
    work: Annotated[
        Path, typer.Option("--work", help="Folder of the run; the rows come below data/.")
    ] = CLASSIFICATION_WORK,
    changes: SetOption = None,
) -> None:
    """Prepare the labelled calls of a recipe: rows, splits, the data report, the leak check."""
    read = read_recipe(recipe, changes or [])
    with WorkProgress() as progress:
        steps = progress.add_task("data", total=None)
        report = prepare(
            read.data,
            data,
            work,
            read.seed,
            lambda step: progress.update(steps, description=f"data: {step}"),
        )
    print_report(report)
    typer.echo(f"rows and report in {work / 'data'}")

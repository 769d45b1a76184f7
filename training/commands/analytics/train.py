"""``callstream train analytics``."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models.console import text_console
from training.analytics.learning.recipe import read_analytics_recipe
from training.analytics.learning.report import MARKDOWN_NAME, RunReport
from training.analytics.learning.run import ADAPTER_FOLDER, learn_adapter, read_corpus
from training.commands.options import ANALYTICS_WORK, RecipeArgument, ResumeOption, SetOption

DATA_FOLDER = "data"


def train_analytics(
    recipe: RecipeArgument,
    work: Annotated[
        Path, typer.Option("--work", help="Folder with the corpus in data/, and for runs.")
    ] = ANALYTICS_WORK,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the run; by default WORK and the recipe's name."),
    ] = None,
    changes: SetOption = None,
    *,
    resume: ResumeOption = False,
    finish: Annotated[
        bool,
        typer.Option(
            "--finish", help="Take no further step: write the best adapter up to the checkpoint."
        ),
    ] = False,
) -> None:
    """Train the adapter of a language model that analyses calls: learning, report, curve."""
    settings = read_analytics_recipe(recipe, changes or [])
    folder = out or work / settings.name
    learn = learn_adapter
    if settings.mlx is not None:
        learn = import_module("training.analytics.mlx.run").learn_on_mlx
    report = learn(settings, read_corpus(work / DATA_FOLDER), folder, resume=resume, finish=finish)
    _print(report)
    typer.echo(f"adapter in {folder / ADAPTER_FOLDER}, report in {folder / MARKDOWN_NAME}")


def _print(report: RunReport) -> None:
    table = Table(title=f"{report.name}: step {report.best_step} is kept")
    for heading in ("step", "answer loss", "right choices"):
        table.add_column(heading, justify="right")
    for row in report.validations:
        table.add_row(str(row.step), f"{row.loss:.4f}", f"{row.choice_accuracy:.1%}")
    text_console().print(table)

"""``callstream train classification-continue``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.console import text_console
from models.store.numbered import champion_of
from training.classification.continuation import Given, continue_classifier
from training.classification.continuous.session import Outcome
from training.classification.recipe import read_recipe
from training.commands.options import (
    CLASSIFICATION_WORK,
    RecipeArgument,
    ResumeOption,
    SetOption,
)


def continue_classification(
    recipe: RecipeArgument,
    folder: Annotated[
        Path, typer.Option("--folder", help="Folder of the versions, made where there is none.")
    ],
    work: Annotated[
        Path, typer.Option("--work", help="Folder with the prepared rows; for checkpoints too.")
    ] = CLASSIFICATION_WORK,
    new: Annotated[
        list[Path] | None,
        typer.Option("--new", help="Calls that were labelled since, JSON; may be repeated."),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option("--corrections", help="File of `callstream feedback export`."),
    ] = None,
    changes: SetOption = None,
    *,
    new_validation: Annotated[
        bool, typer.Option("--new-validation", help="Compare on a validation set that has changed.")
    ] = False,
    resume: ResumeOption = False,
) -> None:
    """Train from the version that serves on; keep the next version if it is better."""
    given = Given(folder, work, tuple(new or ()), corrections, new_validation)
    outcome, left_out = continue_classifier(
        read_recipe(recipe, changes or []), given, resume=resume
    )
    for why, count in sorted(left_out.items()):
        typer.echo(f"rows left out: {count:,} {why}")
    text_console().print(_table(outcome))
    session = outcome.session
    if not session.is_kept:
        typer.echo(f"not kept: {session.reason}")
        return
    typer.echo(f"kept as {folder / session.version}: {session.reason}")
    serving = champion_of(folder)
    if serving != session.version:
        typer.echo(
            f"{serving} serves by its alias: callstream models promote classification "
            f"{session.version} --folder {folder}"
        )


def _table(outcome: Outcome) -> Table:
    """Return the accuracies of both, those of the frozen validation set first."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("figure", no_wrap=True)
    session = outcome.session
    for name in (session.champion or "no champion", session.version or "candidate"):
        table.add_column(name, justify="right", no_wrap=True)
    before = outcome.champion.metrics if outcome.champion else {}
    after = outcome.candidate.metrics
    for name in sorted({*before, *after}, key=lambda each: (not each.startswith("eval"), each)):
        if name.endswith("_acc"):
            cells = (f"{each[name]:.2%}" if name in each else "" for each in (before, after))
            table.add_row(name, *cells)
    return table

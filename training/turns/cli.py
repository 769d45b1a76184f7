"""``callstream train turns``: the experiment of the turn detection, and its evaluation alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.failures import failed
from training.turns.export.command import export_app

if TYPE_CHECKING:
    from training.turns.evaluation.summary import Summary

turns_app = typer.Typer()
turns_app.add_typer(export_app)

_DATA, _WORK = Path("data"), Path("runs/turns")
_SETS = ["general", "domain", "agent", "customer"]


@turns_app.command("turns")
def train_turns(  # noqa: PLR0913, typer options
    recipe: Annotated[Path, typer.Argument(help="Recipe, a TOML file.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with text/.")] = _DATA,
    work: Annotated[
        Path, typer.Option("--work", help="Folder for data sets, checkpoints and results.")
    ] = _WORK,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the models; by default WORK/models.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change a recipe's setting: table.key=value.")
    ] = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a run was broken off.")
    ] = False,
) -> None:
    """Run the experiment of the turn detection: data, models, evaluation, figures."""
    from schemas.errors import CallstreamError  # noqa: PLC0415
    from training.turns.experiment import run_experiment  # noqa: PLC0415
    from training.turns.folders import RunFolders  # noqa: PLC0415
    from training.turns.recipe import read_recipe  # noqa: PLC0415

    try:
        settings = read_recipe(recipe, changes or [])
        place = RunFolders(work, out or work / "models")
        summary = run_experiment(settings, data, place, resume=resume)
    except (CallstreamError, OSError) as error:
        raise failed(error) from error
    _show(summary)
    typer.echo(f"models in {place.out}, figures in {place.figures.parent}")


@turns_app.command("turns-evaluate")
def evaluate_turns(  # noqa: PLR0913, PLR0917, typer options
    folder: Annotated[Path, typer.Argument(help="Folder of a model, or of several.")],
    data: Annotated[
        Path, typer.Option("--data", help="Work folder of a run, with its prepared data.")
    ] = _WORK,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for results/; by default that of --data.")
    ] = None,
    sets: Annotated[list[str] | None, typer.Option("--on", help="Test set.")] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", help="Probability that counts as complete.")
    ] = 0.5,
    batch: Annotated[int, typer.Option("--batch", help="Texts judged at once.")] = 64,
) -> None:
    """Measure trained models of the turn detection on prepared data, and write their cards."""
    from schemas.errors import CallstreamError  # noqa: PLC0415
    from training.turns.experiment import evaluate_models, model_folders  # noqa: PLC0415
    from training.turns.folders import RunFolders  # noqa: PLC0415

    if not 0 < threshold < 1 or batch < 1:
        raise typer.BadParameter("--threshold lies between 0 and 1, --batch is 1 or more")
    try:
        summary = evaluate_models(
            model_folders(folder),
            RunFolders(data, folder, results=out),
            tuple(sets or _SETS),
            threshold=threshold,
            batch=batch,
        )
    except (CallstreamError, OSError) as error:
        raise failed(error) from error
    _show(summary)


def _show(summary: Summary) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    for name in ("on", "accuracy", "95 %", "interrupts", "waits", "reference"):
        table.add_column(name, justify="left" if name == "on" else "right", no_wrap=True)
    for row in summary.rows:
        table.add_row(
            row.model,
            row.set,
            f"{row.accuracy:.1%}",
            f"{100 * row.interval.low:.1f}-{100 * row.interval.high:.1f}",
            f"{row.false_interrupts:,}",
            f"{row.false_waits:,}",
            "" if row.published is None else f"{row.published.accuracy:.1%}",
        )
    Console().print(table)
    for form in summary.punctuation:
        typer.echo(
            f"{form.set}: {form.written:.1%} with capitals and punctuation, {form.spoken:.1%} "
            "without"
        )
    for row in summary.rows:
        if row.audit is not None:
            leaks = row.audit.test
            typer.echo(
                f"{row.model} on {row.set} is above 99 %: of its test texts {leaks.same_text:.2%} "
                f"are in the train split, {leaks.near_duplicates:.2%} nearly so"
            )

"""``callstream train analytics-prepare``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.console import WorkProgress, text_console
from training.analytics.forms.rows import Limits
from training.analytics.forms.tokenizer import token_counter
from training.analytics.learning.recipe import read_analytics_recipe
from training.analytics.preparation.prepare import ModelForms, Order, prepare
from training.analytics.preparation.recipe import data_recipe, own_folders
from training.analytics.preparation.report import CorpusReport, warnings
from training.commands.options import ANALYTICS_WORK, DATA, RecipeArgument, SetOption
from training.core.errors import RecipeError
from training.core.splits import SPLITS


def prepare_analytics(
    recipe: RecipeArgument,
    data: Annotated[Path, typer.Option("--data", help="Folder with text/.")] = DATA,
    work: Annotated[
        Path, typer.Option("--work", help="Folder of the run; the calls come below data/.")
    ] = ANALYTICS_WORK,
    transcripts: Annotated[
        Path | None,
        typer.Option("--transcript-dir", help="Own transcripts, instead of the recipe's sources."),
    ] = None,
    analyses: Annotated[
        Path | None, typer.Option("--analysis-dir", help="Analyses of these transcripts.")
    ] = None,
    small: Annotated[
        int, typer.Option("--small", min=0, help="Also write a subset of so many training calls.")
    ] = 0,
    changes: SetOption = None,
) -> None:
    """Prepare the analysed calls of a recipe: one split, all forms, manifest, data report."""
    read = read_analytics_recipe(recipe, changes or [])
    table = dict(read.data)
    if (transcripts is None) != (analyses is None):
        raise RecipeError("--transcript-dir and --analysis-dir belong together")
    if transcripts and analyses:
        table["sources"] = own_folders(transcripts.resolve(), analyses.resolve())
    forms = read.forms
    order = Order(
        guide=read.guide,
        seed=read.seed,
        model=ModelForms(forms.prompt, forms.answer, Limits(forms.max_tokens, forms.answer_tokens)),
        data=data_recipe(table),
        sources=data,
        work=work,
        counter=token_counter(),
        small=small,
    )
    with WorkProgress() as progress:
        steps = progress.add_task("calls", total=None)
        report = prepare(order, lambda step: progress.update(steps, description=f"calls: {step}"))
    _print(report)
    typer.echo(f"calls, forms and report in {work / 'data'}")
    if small:
        typer.echo(f"the subset in {work / 'small' / 'data'}")


def _print(report: CorpusReport) -> None:
    """Print the calls of every source, the lengths, and what is to be known."""
    console = text_console()
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("source", no_wrap=True)
    for name in ("read", "left out", "copies", "near", *SPLITS):
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in report.sources.items():
        by_split = (one.examples[split] for split in SPLITS)
        counts = (one.read, one.left_out, one.copies, one.near_copies, *by_split)
        table.add_row(name, *(f"{count:,}" for count in counts))
    console.print(table)
    typer.echo(f"tokens by {report.tokenizer}")
    for name, form in report.forms.items():
        for split, lengths in form.splits.items():
            typer.echo(
                f"{name}, {split}: median {lengths.median:,}, longest {lengths.longest:,} tokens, "
                f"{lengths.over_share:.1%} over {form.max_tokens:,}, {lengths.cut_calls:,} cut"
            )
    for left in report.left_out:
        typer.echo(f"left out: {left.where}: {left.reason}")
    for warning in warnings(report):
        typer.echo(warning)

"""The cross table of an experiment on the terminal."""

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.console import text_console
from training.turns.evaluation.summary import Summary


def print_summary(summary: Summary) -> None:
    """Print every model on every test set, and what is to be known beside the figures."""
    text_console().print(_table(summary))
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


def _table(summary: Summary) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    has_before = any(row.before is not None for row in summary.rows)
    has_reference = any(row.published is not None for row in summary.rows)
    names = ["on", "texts", *(["before"] if has_before else []), "accuracy", "95 %"]
    names += ["interrupts", "waits", *(["reference"] if has_reference else [])]
    for name in names:
        table.add_column(name, justify="left" if name == "on" else "right", no_wrap=True)
    for row in summary.rows:
        before = "" if row.before is None else f"{row.before:.1%}"
        reference = "" if row.published is None else f"{row.published.accuracy:.1%}"
        table.add_row(
            row.model,
            row.set,
            f"{row.examples:,}",
            *([before] if has_before else []),
            f"{row.accuracy:.1%}",
            f"{100 * row.interval.low:.1f}-{100 * row.interval.high:.1f}",
            f"{row.false_interrupts:,}",
            f"{row.false_waits:,}",
            *([reference] if has_reference else []),
        )
    return table

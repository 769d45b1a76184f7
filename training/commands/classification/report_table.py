"""The data report of classified calls on the terminal."""

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from models.console import text_console
from training.classification.corpus.report import DataReport
from training.classification.corpus.rows import SPLITS


def print_report(report: DataReport) -> None:
    """Print the rows of every source, and what is to be known about labels."""
    text_console().print(_table(report))
    for task, names in report.without_rows.items():
        typer.echo(f"{task}: no training row has {', '.join(names)}")
    for task, names in report.synthetic_only.items():
        typer.echo(f"{task}: from synthetic rows alone: {', '.join(names)}")
    for task, count in report.contradictions.items():
        typer.echo(f"{task}: left out, since annotated in several ways: {count:,}")


def _table(report: DataReport) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("source", no_wrap=True)
    for name in ("read", *SPLITS, "copies", "near", "words"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, source in report.sources.items():
        dropped = source.dropped
        counts = (source.read, *(source.rows.get(split, 0) for split in SPLITS))
        counts += (dropped.copies, dropped.near_copies, source.words.total)
        table.add_row(name, *(f"{count:,}" for count in counts))
    return table

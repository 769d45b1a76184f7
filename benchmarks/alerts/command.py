"""`callstream benchmark alerts`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.alerts.measurement import AlertsOptions, measure, table
from benchmarks.core.options import numbers
from models.console import text_console


def alerts(
    label_set: Annotated[
        str, typer.Option(help="One of CALLSTREAM_CLASSIFICATION__MODELS.")
    ] = "contact-centre",
    words: Annotated[str, typer.Option(help="Lengths of calls.")] = "100,4500,27000",
    rounds: Annotated[int, typer.Option(min=1, help="Measured calls of each length.")] = 10,
    beside: Annotated[int, typer.Option(min=0, help="Short calls just before each.")] = 8,
    bootstrap: Annotated[str, typer.Option(help="Brokers to use instead of a new one.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = Path("runs/alerts"),
) -> None:
    """Measure how soon after a finalized call its alert can be read.

    Through the broker and the agent `classify`, which has one core. 4,500 words are half an hour,
    27,000 three hours.
    """
    options = AlertsOptions(
        label_set=label_set,
        words=tuple(numbers(words)),
        rounds=rounds,
        beside=beside,
        bootstrap=bootstrap,
    )
    text_console().print(table(measure(options, out=out)))

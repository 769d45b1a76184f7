"""`callstream benchmark api`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.api.measurement import ApiOptions, measure, table
from benchmarks.core.options import numbers
from models.console import text_console


def api(
    label_set: Annotated[
        str, typer.Option(help="One of CALLSTREAM_CLASSIFICATION__MODELS.")
    ] = "contact-centre",
    tokens: Annotated[str, typer.Option(help="Lengths of texts.")] = "32,128,512",
    rounds: Annotated[int, typer.Option(min=1, help="Measured requests of each length.")] = 300,
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = Path("runs/api"),
) -> None:
    """Measure how long the HTTP server takes to classify a text, on one core.

    Request by request. The model is that of the settings. The client runs on another core, where
    there is one.
    """
    options = ApiOptions(label_set=label_set, tokens=tuple(numbers(tokens)), rounds=rounds)
    text_console().print(table(measure(options, out=out)))

"""`callstream benchmark whole-calls`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.whole_calls.measurement import Way, WholeCallOptions, measure, tables
from models.console import text_console
from schemas.errors import ConfigurationError
from stream_app.demo.session import DEMO_CALL

WAYS = ("400:0:0:256", "800:0:0:256", "400:8000:20000:256", "400:12000:20000:256")


def whole_calls(
    data: Annotated[Path, typer.Option(help="Folder with speech/harper_valley and calls/.")],
    model: Annotated[str, typer.Option(help="'bundled', or the path of weights.")] = "bundled",
    reference: Annotated[
        str, typer.Option(help="Weights whose words stand for text that a set lacks.")
    ] = "base",
    backend: Annotated[str, typer.Option(help="Back-end with its precision.")] = "onnx:int8",
    way: Annotated[
        list[str] | None,
        typer.Option(
            help="PAUSE:PASSAGE:REACH:PRE_ROLL in ms, as in the settings. May be repeated."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Parties of each set, at most.")] = 1_000,
    out: Annotated[Path, typer.Option(help="Folder for JSON.")] = Path("runs/whole-calls"),
) -> None:
    """Measure word errors of whole calls by pause and passage, through segmenter and guards."""
    options = WholeCallOptions(
        model=model,
        reference=reference,
        backend=backend,
        ways=tuple(parsed_way(text) for text in way or WAYS),
        limit=limit,
        data=data,
        demo_call=DEMO_CALL,
    )
    text_console().print(tables(measure(options, out=out)))


def parsed_way(text: str) -> Way:
    """Return what PAUSE:PASSAGE:REACH:PRE_ROLL says."""
    parts = text.split(":")
    if len(parts) != len(Way.__struct_fields__) or not all(map(str.isdigit, parts)):
        raise ConfigurationError(f"'{text}' is no way to cut calls: write 400:12000:20000:256")
    return Way(*map(int, parts))

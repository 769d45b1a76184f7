"""`callstream benchmark finalized-calls`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmarks.core.backends import parse_backends
from benchmarks.core.options import BootstrapOption, ModelOption, ProcessesOption, names
from benchmarks.finalized_calls.measurement import FinalizedOptions, measure, table
from benchmarks.whole_calls.parties import HARPER_VALLEY
from models.console import text_console
from stream_app.cli.options import parse_speed
from stream_app.demo.session import DEMO_CALL


def finalized_calls(
    data: Annotated[Path, typer.Option(help="Folder with speech/harper_valley and calls/.")],
    model: ModelOption = "",
    sets: Annotated[
        str, typer.Option(help="Of harper_valley, auto_repairs, demo_call.")
    ] = HARPER_VALLEY,
    time_line: Annotated[
        Literal["rebuilt", "as-recorded"],
        typer.Option(help="Of harper_valley: with its silence put back, or without it."),
    ] = "rebuilt",
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="Times real time, or as fast as possible.")
    ] = "max",
    calls: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 4,
    reference: Annotated[
        str, typer.Option(help="Weights whose words stand for text that a set lacks.")
    ] = "base",
    backend: Annotated[str, typer.Option(help="Back-end of those, with its precision.")] = (
        "onnx:int8"
    ),
    limit: Annotated[int, typer.Option(min=1, help="Parties of each set, at most.")] = 1_000,
    bootstrap: BootstrapOption = "",
    processes: ProcessesOption = 1,
    out: Annotated[Path, typer.Option(help="Folder for JSON.")] = Path("runs/finalized-calls"),
) -> None:
    """Measure word errors of finalized calls: real callers through broker and agents."""
    (reference_backend,) = parse_backends(backend)
    options = FinalizedOptions(
        model=model,
        reference=reference,
        reference_backend=reference_backend,
        sets=names(sets),
        time_line=time_line,
        speed=parse_speed(speed),
        calls=calls,
        limit=limit,
        bootstrap=bootstrap,
        processes=processes,
        data=data,
        demo_call=DEMO_CALL,
    )
    text_console().print(table(measure(options, out=out)))

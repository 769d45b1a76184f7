"""`callstream benchmark crosstalk`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.crosstalk.measurement import CrosstalkOptions, measure, tables
from stream_app.demo.session import DEMO_CALL


def crosstalk(
    data: Annotated[Path, typer.Option(help="Folder with speech/librispeech.")],
    model: Annotated[str, typer.Option(help="'bundled', or the path of weights.")] = "bundled",
    double_talk: Annotated[int, typer.Option(min=1, help="Calls in which both speak.")] = 100,
    echoes: Annotated[int, typer.Option(min=1, help="Calls with echoes.")] = 42,
    out: Annotated[Path, typer.Option(help="Folder for JSON.")] = Path("runs/crosstalk"),
) -> None:
    """Measure what echoes leave in words and turns, what double talk loses, and the cost."""
    options = CrosstalkOptions(
        model=model,
        double_talk_calls=double_talk,
        echo_calls=echoes,
        data=data,
        demo_call=DEMO_CALL,
    )
    report = measure(options, out=out)
    for table in tables(report):
        Console().print(table)

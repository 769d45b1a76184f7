"""`callstream benchmark turn-model`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.core.options import numbers
from benchmarks.turn_model.measurement import TurnModelOptions, measure, table
from models.console import text_console


def turn_model(
    model: Annotated[str, typer.Option(help="'bundled', a manifest or a folder.")] = "bundled",
    tokens: Annotated[str, typer.Option(help="Lengths of texts.")] = "8,16,32,64,128",
    batches: Annotated[str, typer.Option(help="Texts in one run.")] = "1,8",
    rounds: Annotated[int, typer.Option(min=1, help="Measured runs of each case.")] = 200,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/turn-model"),
    *,
    mobile_bert: Annotated[bool, typer.Option(help="Measure MobileBERT's true size too.")] = True,
) -> None:
    """Measure what one run of the end-of-turn model takes on one thread, in int8 and fp32."""
    options = TurnModelOptions(
        model=model,
        tokens=tuple(numbers(tokens)),
        batches=tuple(numbers(batches)),
        rounds=rounds,
        has_mobile_bert=mobile_bert,
    )
    text_console().print(table(measure(options, out=out)))

"""`callstream benchmark analytics`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.analytics.measurement import AnalyticsOptions, measure, table
from models.console import text_console


def analytics(
    base: Annotated[
        str, typer.Option(help="Name in the catalogue, or a GGUF file.")
    ] = "smollm2-135m",
    adapter: Annotated[Path | None, typer.Option(help="LoRA as a GGUF file.")] = None,
    tokens: Annotated[int, typer.Option(min=100, help="Of the prompt of a call.")] = 600,
    calls: Annotated[int, typer.Option(min=2, help="Measured calls of each form.")] = 20,
    threads: Annotated[int, typer.Option(min=1, help="Of each back-end.")] = 1,
    price: Annotated[
        float, typer.Option(min=0, help="Of a machine hour with so many cores, in dollars.")
    ] = 0.04,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("runs/analytics"),
    *,
    eight_bit: Annotated[
        bool, typer.Option(help="Measure llama.cpp with the base as Q8_0 too.")
    ] = True,
) -> None:
    """Measure what a call costs a language model on a CPU: time, memory, money."""
    options = AnalyticsOptions(
        base=base,
        adapter=adapter,
        tokens=tokens,
        calls=calls,
        threads=threads,
        price=price,
        has_eight_bit=eight_bit,
    )
    text_console().print(table(measure(options, out=out)))

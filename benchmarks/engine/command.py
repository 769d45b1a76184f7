"""`callstream benchmark engine`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.core.backends import parse_backends
from benchmarks.core.options import WEIGHTS, DataOption, WeightsFolder, names, numbers
from benchmarks.engine.cases import EngineOptions
from benchmarks.engine.measurement import measure
from benchmarks.engine.plot import table
from models.console import text_console


def engine(
    models: Annotated[
        str, typer.Option(help="Sizes (random weights), 'bundled', or paths; comma-separated.")
    ] = "tiny,base,small,bundled",
    backends: Annotated[
        str, typer.Option(help="Back-ends with their precision.")
    ] = "onnx:int8,onnx:fp32,torch:fp32",
    batches: Annotated[str, typer.Option(help="Streams decoded together.")] = "1,8",
    window: Annotated[float, typer.Option(help="Seconds of audio that one decode takes.")] = 5.0,
    passage: Annotated[
        float, typer.Option(help="Seconds of audio that one final takes; 0 for the window alone.")
    ] = 0.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds after the warm-up.")] = 3,
    core: Annotated[int, typer.Option(help="Core to run on; the first by default.")] = -1,
    data: DataOption = None,
    weights: WeightsFolder = WEIGHTS,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/engine"),
    *,
    growing: Annotated[
        bool, typer.Option("--growing", help="Updates of a growing utterance, not of full windows.")
    ] = False,
) -> None:
    """Measure how many live calls one core decodes: by size, back-end, precision, batch, draft."""
    options = EngineOptions(
        models=names(models),
        backends=parse_backends(backends),
        batches=tuple(numbers(batches)),
        window_s=window,
        shape="growing" if growing else "full",
        passage_s=passage,
        rounds=rounds,
        core=core,
        data=data,
    )
    text_console().print(table(measure(options, weights=weights, out=out)))

"""`callstream benchmark quality`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.core.backends import Backend, parse_backends
from benchmarks.core.options import names
from benchmarks.core.real_sets import LINES, Line
from benchmarks.quality.measurement import QualityOptions, measure
from benchmarks.quality.pieces import Cut
from benchmarks.quality.plot import tables
from benchmarks.quality.systems import parse_systems
from models.asr.checkpoints.weights import BUNDLED
from models.console import text_console
from schemas.errors import ConfigurationError
from stream_app.demo.session import DEMO_CALL

MODEL_HELP = (
    "Weights: MODEL[@CONTEXT][=BACKEND:PRECISION[:BEAM]]; CONTEXT is 'full' or the silence after "
    "the audio in ms, else as the manifest says; a BEAM of 1 is greedy. May be repeated; the first "
    "is the reference."
)

FULL_PRECISION = Backend("onnx", "fp32")


def quality(
    model: Annotated[list[str] | None, typer.Option(help=MODEL_HELP)] = None,
    unquantized: Annotated[
        str, typer.Option(help="The weights that int8 is compared with, named likewise.")
    ] = "",
    backends: Annotated[
        str, typer.Option(help="Of the weights that name none: onnx:int8,torch:fp32 ..")
    ] = "onnx:int8",
    limit: Annotated[int, typer.Option(min=1, help="Recordings of each set, at most.")] = 10_000,
    lines: Annotated[str, typer.Option(help=f"Any of: {', '.join(LINES)}.")] = "telephone",
    cut: Annotated[
        Cut, typer.Option(help="Windows of at most 12 s, or the live path's segments.")
    ] = "windows",
    pieces: Annotated[
        int, typer.Option(min=0, help="Stretches between pauses, for runaways; 0 for none.")
    ] = 2_000,
    policy_limit: Annotated[
        int, typer.Option(min=0, help="Recordings for the policies' curves; 0 for none.")
    ] = 0,
    non_speech: Annotated[
        float, typer.Option(min=0, help="Minutes without speech; 0 for none.")
    ] = 0.0,
    data: Annotated[
        Path | None, typer.Option(help="Folder with speech/ and augment/, for real sets.")
    ] = None,
    work: Annotated[
        Path, typer.Option(help="Work folder of `callstream train asr`, for its unheard voices.")
    ] = Path("runs/asr"),
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/quality"),
    *,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep what is heard in the folder, and use it in later runs."),
    ] = False,
) -> None:
    """Measure word error rates of weights on every held-out set, with intervals.

    Whatever is compared with the first system is held against the bars of bundled weights; one that
    this run did not measure says so.
    """
    unquantized_systems = parse_systems([unquantized], (FULL_PRECISION,)) if unquantized else ()
    options = QualityOptions(
        systems=parse_systems(model or [BUNDLED], parse_backends(backends)),
        unquantized=next(iter(unquantized_systems), None),
        lines=tuple(map(_line, names(lines))),
        cut=cut,
        limit=limit,
        pieces=pieces,
        policy_limit=policy_limit,
        non_speech_minutes=non_speech,
        demo_call=DEMO_CALL.parent,
        data=data,
        work=work,
        keeps=keep,
    )
    text_console().print(tables(measure(options, out=out)))


def _line(name: str) -> Line:
    for line in LINES:
        if name == line:
            return line
    raise ConfigurationError(f"there is no line {name!r}: choose from {', '.join(LINES)}")

"""`callstream benchmark peers|real-speech`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.core.backends import parse_backends
from benchmarks.core.options import WEIGHTS, WeightsFolder, names
from benchmarks.peers.comparison import PeerOptions, measure
from benchmarks.peers.plot import real_speech_table, tables
from benchmarks.peers.real_speech import RealSpeechOptions, compare_real_speech
from models.console import text_console
from stream_app.demo.session import DEMO_CALL


def peers(
    model: Annotated[
        str, typer.Option(help="A checkpoint in openai-whisper's form (.pt), cut or whole.")
    ],
    sizes: Annotated[
        str, typer.Option(help="Sizes of random weights for speed alone; empty for none.")
    ] = "tiny,base",
    backends: Annotated[str, typer.Option(help="Our back-ends with precision.")] = "onnx:int8",
    utterances: Annotated[int, typer.Option(min=1, help="Of each set, at most.")] = 6,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds.")] = 3,
    work: Annotated[
        Path, typer.Option(help="Work folder of `callstream train asr`, for its held-out sets.")
    ] = Path("runs/asr"),
    weights: WeightsFolder = WEIGHTS,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/peers"),
) -> None:
    """Compare with openai-whisper, faster-whisper and WhisperLiveKit, with the same weights."""
    options = PeerOptions(
        model=model,
        sizes=names(sizes) if sizes.strip() else (),
        backends=parse_backends(backends),
        most=utterances,
        rounds=rounds,
        demo_call=DEMO_CALL.parent,
        work=work,
        weights=weights,
    )
    text_console().print(tables(measure(options, out=out)))


def real_speech(
    official: Annotated[Path, typer.Option(help="Folder of weights that faster-whisper loads.")],
    data: Annotated[Path, typer.Option(help="Folder of public data, with `speech`.")],
    model: Annotated[
        list[str] | None, typer.Option(help="Weights of ours; several may be given.")
    ] = None,
    backends: Annotated[str, typer.Option(help="Our back-ends with precision.")] = "onnx:int8",
    sets: Annotated[str, typer.Option(help="Sets of real speech.")] = "librispeech,harper_valley",
    recordings: Annotated[int, typer.Option(min=1, help="Of each set, at most.")] = 24,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = Path("runs/real-speech"),
) -> None:
    """Compare with faster-whisper as it ships, on real speech: calls a core and word errors."""
    options = RealSpeechOptions(
        models=tuple(model or ["bundled"]),
        official=official,
        backends=parse_backends(backends),
        data=data,
        sets=names(sets),
        most=recordings,
        rounds=rounds,
    )
    text_console().print(real_speech_table(compare_real_speech(options, out=out)))

"""`callstream benchmark beside`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.beside.measurement import BesideOptions, measure, table
from benchmarks.core.options import BootstrapOption, DataOption, ModelOption, RecordingOption
from benchmarks.live.session import LiveOptions
from models.console import text_console
from stream_app.demo.session import DEMO_CALL


def beside(
    calls: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 8,
    seconds: Annotated[float, typer.Option(help="Length of each call.")] = 60.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of each kind, in turns.")] = 3,
    recording: RecordingOption = DEMO_CALL,
    model: ModelOption = "",
    data: DataOption = None,
    bootstrap: BootstrapOption = "",
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = Path("runs/beside"),
) -> None:
    """Measure what live calls wait alone, and while call analytics is busy beside them.

    The agent `analyze` may use every core, that of `transcribe` too, and always has calls to
    analyse; CALLSTREAM_ANALYTICS__NICE says how far it stands back.
    """
    live = LiveOptions(
        recording=recording, seconds=seconds, bootstrap=bootstrap, model=model, data=data
    )
    options = BesideOptions(calls=calls, rounds=rounds)
    text_console().print(table(measure(live, options, out=out)))

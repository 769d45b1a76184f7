"""`callstream benchmark turn-timing`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.turn_timing.calls.synthetic import CallOptions
from benchmarks.turn_timing.measurement import TurnTimingOptions, measure
from benchmarks.turn_timing.plot import tables
from models.console import text_console
from stream_app.demo.session import DEMO_CALL


def turn_timing(
    model: Annotated[str, typer.Option(help="'bundled', or the path of a model.")] = "bundled",
    variant: Annotated[str, typer.Option(help="Of the model, for both parties.")] = "general",
    calls: Annotated[int, typer.Option(min=1, help="Synthetic calls.")] = 48,
    turns: Annotated[int, typer.Option(min=2, help="Turns of each of them.")] = 11,
    seed: Annotated[int, typer.Option(help="Of the synthetic calls.")] = 5,
    data: Annotated[
        Path | None, typer.Option(help="Folder with text/earnings22_aligned; none without it.")
    ] = None,
    spoken: Annotated[int, typer.Option(min=1, help="Turns of real calls, at most.")] = 400,
    pause: Annotated[int, typer.Option(help="Silence in ms that ends a segment; 0: setting.")] = 0,
    work: Annotated[Path, typer.Option(help="Folder that keeps transcripts between runs.")] = Path(
        "runs/turn-timing/work"
    ),
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/turn-timing"),
    *,
    smart_turn: Annotated[bool, typer.Option(help="Ask pipecat's smart-turn too.")] = True,
    sweep: Annotated[bool, typer.Option("--sweep", help="Search for the best settings.")] = False,
) -> None:
    """Measure false cut-offs against end-of-turn delay, beside silence and smart-turn."""
    options = TurnTimingOptions(
        model=model,
        variant=variant,
        calls=CallOptions(seed=seed, calls=calls, turns=turns),
        demo_call=DEMO_CALL,
        data=data,
        spoken_turns=spoken,
        pause_ms=pause,
        work=work,
        has_smart_turn=smart_turn,
        has_sweep=sweep,
    )
    text_console().print(tables(measure(options, out=out)))

"""`callstream benchmark footprint|checkpoints|latency|capacity`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.core.options import (
    BootstrapOption,
    DataOption,
    ModelOption,
    ProcessesOption,
    RecordingOption,
    numbers,
)
from benchmarks.live.capacity import CapacityOptions, measure_capacity
from benchmarks.live.checkpoints import CheckpointOptions, measure_checkpoints, table
from benchmarks.live.footprint import measure_footprint
from benchmarks.live.latency import measure_latency
from benchmarks.live.plots import capacity_table, latency_table
from benchmarks.live.session import LiveOptions
from models.console import text_console
from stream_app.demo.session import DEMO_CALL


def footprint(
    calls: Annotated[str, typer.Option(help="Numbers of calls at once, one run each.")] = "1,20",
    recording: Annotated[Path | None, typer.Option(help="Call to replay; else the demo's.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/footprint"),
) -> None:
    """Measure CPU and memory of live calls at real-time speed."""
    report = measure_footprint(recording or DEMO_CALL, numbers(calls), out)
    text_console().print_json(data=report)


def checkpoints(
    calls: Annotated[int, typer.Option(min=1, help="Calls at once, all day long.")] = 64,
    days: Annotated[int, typer.Option(min=1, help="Days of closed calls on the topic.")] = 1,
    uncleaned: Annotated[int, typer.Option(min=300, help="Seconds not compacted yet.")] = 3600,
    rounds: Annotated[int, typer.Option(min=1, help="Loads of each agent.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = Path("runs/checkpoints"),
) -> None:
    """Measure what is written of a day of calls, and how long a takeover reads it."""
    options = CheckpointOptions(
        DEMO_CALL, calls_at_once=calls, days=days, uncleaned_s=uncleaned, rounds=rounds
    )
    text_console().print(table(measure_checkpoints(options, out)))


def latency(
    calls: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 8,
    seconds: Annotated[float, typer.Option(help="Length of each call.")] = 60.0,
    rounds: Annotated[int, typer.Option(min=1, help="Runs, one after the other.")] = 3,
    recording: RecordingOption = DEMO_CALL,
    model: ModelOption = "",
    data: DataOption = None,
    bootstrap: BootstrapOption = "",
    processes: ProcessesOption = 1,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/latency"),
) -> None:
    """Measure what live calls wait for their results, through Kafka, from outside."""
    options = LiveOptions(
        recording=recording,
        seconds=seconds,
        bootstrap=bootstrap,
        transcribe_processes=processes,
        model=model,
        data=data,
    )
    report = measure_latency(options, calls=calls, rounds=rounds, out=out)
    text_console().print(latency_table(report))


def capacity(
    start: Annotated[int, typer.Option(min=1, help="First number of calls.")] = 8,
    most: Annotated[int, typer.Option(min=1, help="Never more calls than this.")] = 512,
    tolerance: Annotated[float, typer.Option(help="Share that may stay unknown.")] = 0.15,
    seconds: Annotated[float, typer.Option(help="Length of each call.")] = 30.0,
    core_price: Annotated[float, typer.Option(help="Price of one core for an hour.")] = 0.04,
    recording: RecordingOption = DEMO_CALL,
    model: ModelOption = "",
    data: DataOption = None,
    bootstrap: BootstrapOption = "",
    processes: ProcessesOption = 1,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/capacity"),
    *,
    finals_only: Annotated[
        bool, typer.Option("--finals-only", help="Search for the finals' limit alone.")
    ] = False,
) -> None:
    """Find how many live calls a core serves until finals or first partials come too late."""
    options = LiveOptions(
        recording=recording,
        seconds=seconds,
        bootstrap=bootstrap,
        transcribe_processes=processes,
        model=model,
        data=data,
    )
    search = CapacityOptions(
        start=start, most=most, tolerance=tolerance, core_price=core_price, both=not finals_only
    )
    text_console().print(capacity_table(measure_capacity(options, search, out=out)))

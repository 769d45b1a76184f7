"""`callstream demo`: the whole live path on this machine."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.native_stderr import own_stderr
from stream_app.cli.options import parse_speed
from stream_app.cli.running import quiet_libraries, run_until_signal

if TYPE_CHECKING:
    from stream_app.demo.screen import Screen
    from stream_app.demo.session import DemoCall
    from stream_app.demo.stage import Stage
    from stream_app.settings import Settings

BUNDLED_MODEL = "bundled"


def demo(
    *,
    call: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recording of yours instead.")
    ] = None,
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="Times real time, or as fast as possible.")
    ] = "1",
    as_json: Annotated[
        bool, typer.Option("--json", help="One message a line on stdout, as JSON.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep broker and agents running afterwards.")
    ] = False,
) -> None:
    """Replay a telephone call through a broker and all agents, and show it live.

    Needs nothing else: the Kafka-protocol broker is embedded and keeps everything in memory, the
    speech weights are the small bundled ones.
    """
    from rich.console import Console  # noqa: PLC0415

    from stream_app.demo.screen import open_screen  # noqa: PLC0415
    from stream_app.demo.session import DEMO_CALL, load_call  # noqa: PLC0415
    from stream_app.settings import load_settings  # noqa: PLC0415

    times = parse_speed(speed)
    settings = load_settings()
    quiet_libraries()
    with own_stderr() as errors:
        recording = load_call(call or DEMO_CALL)
        screen = open_screen(Console(), Console(file=errors), is_json=as_json)
        try:
            run_until_signal(lambda: _demo(recording, times, settings, screen, keep=keep))
        finally:
            screen.close()


async def _demo(
    call: "DemoCall", speed: float | None, settings: "Settings", screen: "Screen", *, keep: bool
) -> None:
    from stream_app.demo.session import DemoSession  # noqa: PLC0415
    from stream_app.demo.stage import Stage  # noqa: PLC0415

    for line in introduction(call, speed, settings):
        screen.note(line)
    with Stage(settings) as stage:
        await stage.prepare(screen.say)
        session = DemoSession(call, speed, screen)
        screen.report(await session.run(stage.kafka, stage))
        if keep:
            screen.note(f"broker and agents go on at {stage.kafka.bootstrap_servers}; Ctrl-C ends")
            await _until_they_fail(stage)


async def _until_they_fail(stage: "Stage") -> None:
    while True:
        stage.check()
        await asyncio.sleep(1.0)


def introduction(call: "DemoCall", speed: float | None, settings: "Settings") -> list[str]:
    """Return what the user has to know before anything is shown."""
    names = " + ".join(path.name for path in call.planned.recording.files)
    lines = [f"{names} {_pace(speed)}, through the embedded broker: in memory, gone afterwards."]
    if settings.asr.model == BUNDLED_MODEL:
        lines.append(
            "Speech by the small bundled weights, which are for running everything offline;\n"
            "real calls want CALLSTREAM_ASR__MODEL=base.en or better."
        )
    else:
        lines.append(f"Speech by the weights {settings.asr.model}.")
    return lines


def _pace(speed: float | None) -> str:
    if speed is None:
        return "as fast as possible"
    return "in real time" if speed == 1 else f"at {speed:g} times real time"

"""`callstream demo`: the whole live path on this machine."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from models.console import text_console
from stream_app.agents.registry import DEFAULT_AGENTS
from stream_app.analytics import has_model
from stream_app.calls.analyze.analyzed import AGENT as ANALYZE
from stream_app.cli.native_stderr import own_stderr
from stream_app.cli.options import parse_speed
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.demo.local_system import LocalSystem
from stream_app.demo.report import report_screen, report_values
from stream_app.demo.session import DEMO_CALL, REAL_CALL, DemoCall, DemoSession, load_call
from stream_app.settings import Settings, load_settings
from stream_app.terminal.screen import Screen, open_screen

BUNDLED_MODEL = "bundled"
REAL = "real"


def demo(
    *,
    call: Annotated[
        str,
        typer.Option(
            metavar="real|FILE",
            help="'real': 90 s of a call between two people; or a recording of yours.",
        ),
    ] = "",
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="Times real time, or as fast as possible.")
    ] = "1",
    as_json: Annotated[
        bool, typer.Option("--json", help="One message a line on stdout, as JSON.")
    ] = False,
    insights: Annotated[
        bool | None,
        typer.Option(
            "--insights/--no-insights",
            help="Also what a language model reads out of the call; by default if there is one.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep broker and agents running afterwards.")
    ] = False,
) -> None:
    """Replay a telephone call through a broker and all agents, and show it live.

    Needs nothing else: the Kafka-protocol broker is embedded and keeps everything in memory, and
    the speech weights are bundled. The call is synthetic, so that its word errors are exact.
    """
    times = parse_speed(speed)
    settings = load_settings()
    quiet_libraries()
    with own_stderr() as errors:
        recording = load_call(recording_of(call))
        screen = open_screen(text_console(), text_console(file=errors), is_json=as_json)
        try:
            has_insights = has_model(settings.analytics) if insights is None else insights
            plan = DemoPlan(recording, times, has_insights=has_insights, keep=keep)
            run_until_signal(lambda: _demo(plan, settings, screen))
        finally:
            screen.close()


def recording_of(call: str) -> Path:
    """Return the recording that an option names; the synthetic call if it is empty."""
    if call == REAL:
        return REAL_CALL
    return Path(call) if call else DEMO_CALL


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What is shown.

    Attributes:
        speed: Times real time; None for as fast as possible.
        has_insights: Also by a language model.
        keep: Broker and agents go on afterwards.
    """

    call: DemoCall
    speed: float | None
    has_insights: bool
    keep: bool

    @property
    def agents(self) -> tuple[str, ...]:
        """Those that run."""
        return (*DEFAULT_AGENTS, ANALYZE) if self.has_insights else DEFAULT_AGENTS


async def _demo(plan: DemoPlan, settings: Settings, screen: Screen) -> None:
    for line in introduction(plan.call, plan.speed, settings):
        screen.note(line)
    with LocalSystem(settings, plan.agents) as system:
        await system.prepare(screen.say)
        session = DemoSession(plan.call, plan.speed, screen, has_insights=plan.has_insights)
        report = await session.run(system.kafka, system)
        screen.conclude(report_screen(report), report_values(report))
        if plan.keep:
            screen.note(f"broker and agents go on at {system.kafka.bootstrap_servers}; Ctrl-C ends")
            await _until_they_fail(system)


async def _until_they_fail(system: LocalSystem) -> None:
    while True:
        system.check()
        await asyncio.sleep(1.0)


def introduction(call: DemoCall, speed: float | None, settings: Settings) -> list[str]:
    """Return what the user has to know before anything is shown."""
    names = " + ".join(path.name for path in call.planned.recording.files)
    lines = [f"{names} {_pace(speed)}, through the embedded broker: in memory, gone afterwards."]
    if settings.asr.model == BUNDLED_MODEL:
        lines.append(
            "Speech by the bundled weights: Whisper tiny.en, in English;\n"
            "larger ones make fewer errors: CALLSTREAM_ASR__MODEL=base."
        )
    else:
        lines.append(f"Speech by the weights {settings.asr.model}.")
    return lines


def _pace(speed: float | None) -> str:
    if speed is None:
        return "as fast as possible"
    return "in real time" if speed == 1 else f"at {speed:g} times real time"

"""`callstream replay`: recorded calls through the topics of a running system."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from models.console import text_console
from schemas import catalogue
from schemas.audio import MAX_CHUNK_MS, MIN_CHUNK_MS
from schemas.base import MAX_CHANNELS, Party
from schemas.errors import ConfigurationError
from stream_app.cli.failures import FAILURE, print_failure
from stream_app.cli.native_stderr import own_stderr
from stream_app.cli.options import BrokersOption, parse_speed, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.replay.discovery import Findings, find_recordings, paired
from stream_app.replay.formats.resampled import HIGHEST_RATE_HZ, LOWEST_RATE_HZ
from stream_app.replay.formats.suffixes import UNNAMED_RAW_SUFFIXES, RawFormat
from stream_app.replay.pacer import SystemClock
from stream_app.replay.plan import PlannedCall, check_run, mint_run, plan_calls
from stream_app.replay.publisher import open_publisher
from stream_app.replay.session import Replay, ReplayedCall, ReplayListener, ReplayOptions
from stream_app.replay.sidecar import parse_parties
from stream_app.settings import Settings
from stream_app.terminal.replay_progress import ReplayProgress

RawEncodingOption = Annotated[
    Literal["mulaw", "alaw", "pcm16"] | None,
    typer.Option(help="How to read files without a header whose name does not show it."),
]
RawRateOption = Annotated[
    int,
    typer.Option(
        metavar="HZ",
        min=LOWEST_RATE_HZ,
        max=HIGHEST_RATE_HZ,
        help="Sample rate of files without a header whose name does not show it.",
    ),
]
RawChannelsOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=MAX_CHANNELS,
        help="Interleaved channels of files without a header; .gsm and .vox have one.",
    ),
]


def replay(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Recordings, and folders of recordings."),
    ] = None,
    *,
    pair: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="AGENT CUSTOMER", help="Two mono files as one call."),
    ] = None,
    parties: Annotated[
        str | None,
        typer.Option(metavar="PARTY,..", help="Party of each channel: agent, customer, unknown."),
    ] = None,
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="Times real time, or as fast as possible.")
    ] = "1",
    chunk_ms: Annotated[
        int, typer.Option(min=MIN_CHUNK_MS, max=MAX_CHUNK_MS, help="Audio in one message.")
    ] = 100,
    concurrency: Annotated[int, typer.Option(min=1, max=5000, help="Calls at once.")] = 10,
    copies: Annotated[int, typer.Option(min=1, max=100_000, help="Calls of each recording.")] = 1,
    run: Annotated[
        str | None, typer.Option(metavar="ID", help="Ends each call id; else a new one is made.")
    ] = None,
    raw_encoding: RawEncodingOption = None,
    raw_rate: RawRateOption = 8000,
    raw_channels: RawChannelsOption = 1,
    brokers: BrokersOption = None,
) -> None:
    """Replay recorded calls as if they came from a telephony gateway.

    WAV (G.711 and GSM too), FLAC, MP3, OGG; without a header .ulaw, .alaw, .sln, .sln16, .gsm,
    .vox; with the extra av also MP4, M4A, WebM, AMR, G.722, G.729. Stereo, mono, or the two
    parties in two files, such as call40_agent.flac and call40_caller.flac. A file call40.json
    beside a recording holds the context of the call; its started_at says when the call began.
    """
    if not paths and pair is None:
        raise typer.BadParameter("give at least one PATH, or --pair", param_hint="PATH...")
    named = _parties(parties)
    raw = RawFormat(raw_encoding, raw_rate, raw_channels)
    options = ReplayOptions(parse_speed(speed), chunk_ms, concurrency, raw, keeps_started_at=True)
    run_id = check_run(run) if run else mint_run()
    settings = settings_for(brokers)
    findings = _find(paths or [], pair, raw)
    calls = plan_calls(findings.recordings, run=run_id, copies=copies, parties=named)
    notices = dict.fromkeys(notice for call in calls for notice in call.sidecar.notices)
    _replay(calls, options, settings, (*findings.notices, *notices))


def _parties(text: str | None) -> tuple[Party, ...]:

    try:
        return parse_parties(text) if text else ()
    except ConfigurationError as error:
        raise typer.BadParameter(str(error), param_hint="--parties") from error


def _find(paths: list[Path], pair: tuple[Path, Path] | None, raw: RawFormat) -> Findings:

    suffixes = UNNAMED_RAW_SUFFIXES if raw.encoding else frozenset[str]()
    found = find_recordings(paths, extra_suffixes=suffixes)
    if pair is None:
        return found
    return Findings((*found.recordings, paired(*pair)), found.notices)


def _replay(
    calls: list[PlannedCall],
    options: ReplayOptions,
    settings: Settings,
    notices: tuple[str, ...],
) -> None:
    quiet_libraries()
    with own_stderr() as stream, ReplayProgress(text_console(file=stream), len(calls)) as progress:
        for notice in notices:
            progress.print_line("note", "yellow", notice)
        outcomes = (
            run_until_signal(lambda: _produce(calls, options, settings, progress)) if calls else []
        )
    failed = sum(1 for outcome in outcomes if outcome.problem)
    if failed or not outcomes:
        print_failure(f"{failed} of {len(outcomes)} calls failed" if outcomes else "no calls found")
        raise typer.Exit(FAILURE)


async def _produce(
    calls: list[PlannedCall],
    options: ReplayOptions,
    settings: Settings,
    listener: ReplayListener,
) -> list[ReplayedCall]:
    async with open_publisher(settings.kafka, catalogue.AUDIO) as publisher:
        replay = Replay(options, publisher, clock=SystemClock(), listener=listener)
        return await replay.run(calls)

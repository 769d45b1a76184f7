"""Measure how many words of finalized calls come out wrong, through broker and agents.

Each party of a set is a call of its own with one channel. The worker's processes run as in
production with the settings of the environment; the text of a call is that of its `FinalizedCall`.
Finals and turns do not depend on the speed of the replay; partials, which do, are not looked at.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import soundfile
from rich.table import Table

from benchmarks.core.backends import Backend, load_backend
from benchmarks.core.error_rates import error_rate, errors_of
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.finalized_calls.replayed import Outcome, Played, play_recordings
from benchmarks.live.session import live_progress, running_system
from benchmarks.whole_calls.measurement import words_said
from benchmarks.whole_calls.parties import LINE_RATE_HZ, PartyAudio, TimeLine, whole_calls
from schemas.errors import ConfigurationError
from stream_app.replay.session import ReplayOptions


class FinalizedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        model: Weights of the agents; empty is what the settings say.
        reference: Weights whose words stand for the text that a set lacks.
        reference_backend: Back-end of those.
        sets: Of whole calls, by name.
        time_line: Of harper_valley.
        speed: Of the replay, times real time; None for as fast as possible.
        calls: At once.
        limit: Parties of each set, at most.
        bootstrap: A broker to use; the embedded one without it.
        processes: Of `transcribe`.
        data: Folder with ``speech/`` and ``calls/``.
        demo_call: Recording with its reference beside it.
    """

    model: str = ""
    reference: str = "base"
    reference_backend: Backend = Backend("onnx", "int8")
    sets: tuple[str, ...]
    time_line: TimeLine = "rebuilt"
    speed: float | None = None
    calls: int = 4
    limit: int = 1_000
    bootstrap: str = ""
    processes: int = 1
    data: Path
    demo_call: Path


def measure(options: FinalizedOptions, *, out: Path) -> dict[str, Any]:
    """Return the error rates of each set, and write ``finalized_calls.json``.

    Raises:
        CallstreamError: Weights cannot be loaded, a set cannot be read, or an agent is gone.
    """
    prepare_folder(out)
    sets = chosen_sets(options)
    said = _words_said(sets, options)
    parties = [party for own in sets.values() for party in own]
    played, setup = asyncio.run(_play(parties, options))
    outcomes = dict(zip((party.name for party in parties), played.outcomes, strict=True))
    figures = {
        "options": msgspec.to_builtins(options, enc_hook=base_name),
        "setup": setup,
        "played": played.facts,
        "sets": [score(name, own, said, outcomes) for name, own in sets.items()],
    }
    return save_report("finalized_calls", figures, out)


def table(report: Mapping[str, Any]) -> Table:
    """Return the table of a report."""
    played = report["played"]
    caption = (
        f"{played['complete_calls']} of {played['calls']} calls complete, "
        f"{played['dead_letters']} dead letters, {played['elapsed_s']:.0f} s"
    )
    model = report["setup"]["asr"]["model"]
    table = Table(title=f"{model}, finalized calls", caption=caption)
    table.add_column("set")
    for column in ("calls", "words", "word error", "95 %"):
        table.add_column(column, justify="right")
    for row in report["sets"]:
        rate = row["word_error_rate"]
        interval = f"{100 * rate['low']:.1f} .. {100 * rate['high']:.1f}"
        counts = (str(rate["utterances"]), str(rate["words"]))
        table.add_row(row["set"], *counts, f"{100 * rate['rate']:.1f} %", interval)
    return table


def chosen_sets(options: FinalizedOptions) -> dict[str, list[PartyAudio]]:
    """Return the parties of each set.

    Raises:
        ConfigurationError: There is no set of that name, or no party in it.
    """
    found = whole_calls(options.data, options.demo_call, time_line=options.time_line)
    if unknown := sorted(set(options.sets) - set(found)):
        raise ConfigurationError(f"no set of calls is called {unknown[0]}: {', '.join(found)}")
    sets = {name: list(islice(found[name], options.limit)) for name in options.sets}
    if empty := [name for name, own in sets.items() if not own]:
        raise ConfigurationError(f"{empty[0]} holds no recordings")
    return sets


def score(
    name: str,
    parties: Sequence[PartyAudio],
    said: Mapping[str, str],
    outcomes: Mapping[str, Outcome],
) -> dict[str, Any]:
    """Return the word errors of a set; the interval is resampled over its parties."""
    errors = {
        one.name: errors_of(said[one.name].split(), outcomes[one.name].text) for one in parties
    }
    return {
        "set": name,
        "word_error_rate": error_rate(list(errors.values())),
        "parties": [
            {
                "name": party,
                "errors": found.errors,
                "words": found.reference_words,
                "said": said[party],
                "heard": outcomes[party].text,
                "is_complete": outcomes[party].is_complete,
            }
            for party, found in errors.items()
        ],
    }


def _words_said(
    sets: Mapping[str, Sequence[PartyAudio]], options: FinalizedOptions
) -> dict[str, str]:
    """Return what each party says; the reference is loaded only where nobody wrote it down."""
    parties = [party for own in sets.values() for party in own]
    said = {party.name: party.text for party in parties if party.text is not None}
    if len(said) < len(parties):
        reference = load_backend(options.reference, options.reference_backend)
        for party in parties:
            if party.text is None:
                said[party.name] = words_said(party, reference)
    return said


async def _play(
    parties: Sequence[PartyAudio], options: FinalizedOptions
) -> tuple[Played, dict[str, Any]]:
    replay = ReplayOptions(speed=options.speed, concurrency=options.calls)
    with tempfile.TemporaryDirectory() as folder, live_progress() as progress:
        recordings = [(party.name, _written(party, Path(folder))) for party in parties]
        async with running_system(
            options.model,
            progress,
            bootstrap=options.bootstrap,
            processes=options.processes,
        ) as system:
            progress.add_task(f"{len(recordings)} calls", total=None)
            played = await play_recordings(system, recordings, replay)
            return played, system.setup


def _written(party: PartyAudio, folder: Path) -> Path:
    path = folder / f"{party.name}.wav"
    soundfile.write(path, party.samples, LINE_RATE_HZ, "ULAW")
    return path

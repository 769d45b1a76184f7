"""Measure what is left of crosstalk in calls, what is lost of double talk, and what it costs."""

import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.core.affinity import pinned_to, usable_cores
from benchmarks.core.error_rates import errors_of
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.crosstalk.calls import (
    RATE_HZ,
    EchoLine,
    Said,
    double_talk,
    echo_lines,
    pairs,
    same_mix,
    turn_by_turn,
    with_echo,
)
from benchmarks.crosstalk.finalized import CHUNK_MS, CallRunner
from models.audio.samples import FloatArray
from schemas.turns import FinalizedCall
from stream_app.calls.counters import CallCounters
from stream_app.calls.transcribe.crosstalk.crosstalk import Crosstalk
from training.asr.speech.real_speech import list_test_only_clips, read_clips

SPEAKERS = "librispeech"
UTTERANCES = 3  # of a party
DEMO_S = 60
BLOCK = 256  # samples
LOUD = 1e-4  # energy


class CrosstalkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        model: Weights of the recognizer.
        double_talk_calls: How many.
        echo_calls: How many, each with an echo of its own; every third one is the demo call.
        data: Folder with ``speech/``.
        demo_call: Recording.
    """

    model: str
    double_talk_calls: int
    echo_calls: int
    data: Path
    demo_call: Path


def measure(options: CrosstalkOptions, *, out: Path) -> dict[str, Any]:
    """Return the figures, and write ``crosstalk.json``.

    Raises:
        CallstreamError: The weights cannot be loaded, or the speech cannot be read.
    """
    prepare_folder(out)
    runner = CallRunner(options.model)
    speakers = list(_speakers(options.data).values())
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("calls", total=options.double_talk_calls + options.echo_calls)
        kept = []
        for seed, parties in enumerate(
            islice(pairs(speakers, UTTERANCES), options.double_talk_calls)
        ):
            kept.append(_double_talk(runner, parties, seed))
            progress.advance(task)
        echoes = []
        found = pairs(speakers, UTTERANCES)
        demo, _ = soundfile.read(
            options.demo_call, dtype="float32", always_2d=True, frames=DEMO_S * RATE_HZ
        )
        for number, line in enumerate(echo_lines(options.echo_calls)):
            call = demo if number % 3 == 0 else turn_by_turn(*next(found), seed=number)
            echoes.append(_echo(runner, call, with_echo(call, line), line.name))
            progress.advance(task)
    figures = {
        "options": msgspec.to_builtins(options, enc_hook=base_name),
        "double_talk": kept,
        "echoes": echoes,
        "same_mix": _echo(runner, demo, same_mix(demo), "the same mix on both legs"),
        "cpu_ms_per_s": _costs(demo, echo_lines(3)[2]),
    }
    return save_report("crosstalk", figures, out)


def tables(report: dict[str, Any]) -> list[Table]:
    """Return the tables of a report."""
    kept = report["double_talk"]
    words, lost = (sum(one[key] for one in kept) for key in ("words", "lost"))
    touched = sum(one["is_touched"] for one in kept)
    both_s = sum(one["both_speak_s"] for one in kept)
    summary = Table("calls with double talk", "both speak", "touched", "words", "kept")
    share = f"{100 * (1 - lost / max(words, 1)):.2f} %"
    summary.add_row(str(len(kept)), f"{both_s:.0f} s", str(touched), str(words), share)
    echoes = Table("echo", "words", "with echo", "overlap ms", "with echo", "interruptions", "..")
    for one in [*report["echoes"], report["same_mix"]]:
        plain, heard = one["plain"], one["heard"]
        cells = [
            str(side[key])
            for key in ("words", "overlap_ms", "interruptions")
            for side in (plain, heard)
        ]
        echoes.add_row(one["name"], *cells)
    costs = Table("CPU of a second of a call", "ms")
    for name, cost in report["cpu_ms_per_s"].items():
        costs.add_row(name, f"{cost:.2f}")
    return [summary, echoes, costs]


def _speakers(data: Path) -> dict[str, list[Said]]:
    speech = data / "speech"
    clips = [clip for clip in list_test_only_clips(speech) if clip.corpus == SPEAKERS]
    found: dict[str, list[Said]] = defaultdict(list)
    for clip, samples in read_clips(speech, clips, RATE_HZ):
        found[clip.speaker].append(Said(np.asarray(samples, np.float32), len(clip.words)))
    return found


def _double_talk(
    runner: CallRunner, parties: tuple[list[Said], list[Said]], seed: int
) -> dict[str, Any]:
    call = double_talk(*parties, seed=seed)
    words = sum(said.words for party in parties for said in party)
    is_touched = not _is_passed_on(call)  # else each leg is heard as it is alone
    return {
        "seed": seed,
        "both_speak_s": round(_both_speak_s(call), 1),
        "is_touched": is_touched,
        "words": words,
        "lost": _lost(runner, call, seed) if is_touched else 0,
    }


def _lost(runner: CallRunner, call: FloatArray, seed: int) -> int:
    """Return how many words are heard differently than on each leg alone."""
    heard = runner.finalize(f"double-talk-{seed}", call)
    lost = 0
    for channel in range(call.shape[1]):
        alone = runner.finalize(f"alone-{seed}-{channel}", call[:, channel : channel + 1])
        lost += errors_of(_text(alone, 0).split(), _text(heard, channel)).errors
    return lost


def _is_passed_on(call: FloatArray) -> bool:
    """Return whether a call goes through the search for crosstalk as it is."""
    crosstalk = Crosstalk(CallCounters())
    crosstalk.open(RATE_HZ, call.shape[1], 0)
    for start, chunk in _chunks(call):
        passed = crosstalk.insert(start, chunk)
        if not all(map(np.array_equal, chunk, (samples for _, samples in passed))):
            return False
    return not any(crosstalk.copied_ms)


def _both_speak_s(call: FloatArray) -> float:
    blocks = call[: len(call) // BLOCK * BLOCK].reshape(-1, BLOCK, call.shape[1])
    is_loud = np.square(blocks).mean(axis=1) > LOUD
    return float(is_loud.all(axis=1).sum()) * BLOCK / RATE_HZ


def _echo(runner: CallRunner, plain: FloatArray, echoed: FloatArray, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "plain": _figures(runner.finalize("plain", plain)),
        "heard": _figures(runner.finalize("echoed", echoed)),
    }


def _figures(call: FinalizedCall) -> dict[str, Any]:
    metrics = call.metrics
    return {
        "words": [one.words for one in metrics.channels],
        "talk_ms": [one.talk_ms for one in metrics.channels],
        "crosstalk_ms": [one.crosstalk_ms for one in metrics.channels],
        "overlap_ms": metrics.overlap_ms,
        "interruptions": metrics.interruptions,
    }


def _text(call: FinalizedCall, channel: int) -> str:
    return " ".join(turn.text for turn in call.turns if turn.channel == channel)


def _costs(call: FloatArray, line: EchoLine) -> dict[str, float]:
    calls = {
        "plain call": call,
        "call with echoes": with_echo(call, line),
        "same mix": same_mix(call),
    }
    with pinned_to(usable_cores()[:1]):
        return {
            name: round(min(_cost(audio) for _ in range(3)), 3) for name, audio in calls.items()
        }


def _cost(call: FloatArray) -> float:
    chunks = list(_chunks(call))
    crosstalk = Crosstalk(CallCounters())
    crosstalk.open(RATE_HZ, call.shape[1], 0)
    began = time.process_time()
    for start, chunk in chunks:
        crosstalk.insert(start, chunk)
    return (time.process_time() - began) * 1000 / (len(call) / RATE_HZ)


def _chunks(call: FloatArray) -> Iterator[tuple[int, list[FloatArray]]]:
    step = RATE_HZ * CHUNK_MS // 1000
    for start in range(0, len(call), step):
        yield start, list(np.ascontiguousarray(call[start : start + step].T))

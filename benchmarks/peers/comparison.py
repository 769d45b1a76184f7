"""Compare with other ways to follow live speech, with the same weights, in one run.

Two comparisons. `streams`: real speech and real weights; every system follows growing utterances,
one update a second and a last text, and CPU, delay and word errors are taken. `speed`: random
weights of official sizes, which write a forced number of tokens; the cost of one update of a full
window, and of what live calls need of it. Systems take turns; one core, one thread.
"""

import logging
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import Progress

from benchmarks.core.affinity import pinned_to, usable_cores
from benchmarks.core.backends import Backend, load_backend
from benchmarks.core.error_rates import error_rate
from benchmarks.core.held_out_sets import HeldOut, load_sets, timed_only
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.core.speech_windows import speech_windows
from benchmarks.core.spread import percentiles, spread_of
from benchmarks.engine.cases import (
    TOKENS_PER_SECOND,
    Cell,
    EngineOptions,
    calls_spread,
)
from benchmarks.engine.measurement import load_subject, measure_round
from benchmarks.peers.plot import plot
from benchmarks.peers.streams import UPDATE_S, StreamFigures, follow_all
from benchmarks.peers.systems import (
    Callstream,
    CallstreamTogether,
    CutCTranslate2,
    FasterWhisper,
    LiveKitStreaming,
    PeerSystem,
    StockWhisper,
)
from benchmarks.peers.weights import converted, peer_module, stock_checkpoint
from benchmarks.quality.policies import shorten
from models.asr.checkpoints.weights import find_weights
from models.console import WorkProgress
from schemas.errors import ConfigurationError

PACKAGES = ("faster-whisper", "ctranslate2", "openai-whisper", "whisperlivekit")
FULL_PAD_MS = 1_000  # silence that weights which saw 30 s pads want at least
SPEED_WINDOWS = 2
TOGETHER = 8
OURS = (Cell(1, has_draft=False, is_exact=True), Cell(8, has_draft=True, is_exact=False))


class PeerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared.

    Attributes:
        model: Weights of the streams: the path of a checkpoint in openai-whisper's form.
        sizes: Of random weights for speed alone; none leaves that out.
        backends: Of ours.
        most: Utterances of each set whose word times are known.
        rounds: Measured; the speed has one of warm-up before.
        window_s: Of an update in the comparison of speed.
        demo_call: Folder of the demo call.
        work: Work folder of the speech training.
        weights: Folder that keeps converted weights.
    """

    model: str
    sizes: tuple[str, ...] = ("tiny", "base")
    backends: tuple[Backend, ...] = (Backend("onnx", "int8"),)
    most: int = 6
    rounds: int = 3
    window_s: float = 5.0
    demo_call: Path
    work: Path
    weights: Path


def measure(options: PeerOptions, *, out: Path) -> dict[str, Any]:
    """Return both comparisons, and write ``peers.json`` and ``peers.png``.

    Raises:
        MissingExtraError: A package to compare with is not installed.
        CallstreamError: Weights cannot be loaded or converted.
    """
    for package in ("ctranslate2", "faster_whisper", "whisper", "whisperlivekit"):
        peer_module(package)
    if options.rounds < 1 or options.most < 1:
        raise ConfigurationError("rounds and utterances start at 1")
    for name in ("faster_whisper", "whisperlivekit"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a line for each decode otherwise
    prepare_folder(out)
    with pinned_to(usable_cores()[:1]), WorkProgress() as progress:
        figures = {
            "options": msgspec.to_builtins(options, enc_hook=base_name),
            "versions": {name: _version(name) for name in PACKAGES},
            "update_s": UPDATE_S,
            "streams": _compare_streams(options, progress),
            "speed": [
                row for size in options.sizes for row in _compare_speed(size, options, progress)
            ],
        }
    report = save_report("peers", figures, out)
    plot(report, out / "peers.png")
    return report


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _compare_streams(options: PeerOptions, progress: Progress) -> list[dict[str, Any]]:
    task = progress.add_task("streams: loading", total=None)
    utterances = _utterances(options)
    systems = _stream_systems(options)
    figures = {system.name: StreamFigures() for system in systems}
    progress.update(task, total=options.rounds * len(systems))
    for number in range(options.rounds):
        for system in systems:
            progress.update(task, description=f"streams: {system.name}")
            follow_all(system, utterances, figures[system.name], is_first=number == 0)
            progress.advance(task)
    return [_stream_row(name, found) for name, found in figures.items()]


def _utterances(options: PeerOptions) -> list[HeldOut]:
    sets = load_sets(options.demo_call, options.work, most=options.most, is_telephone=True)
    longest_ms = find_weights(options.model).manifest.max_segment_ms
    return [piece for one in timed_only(sets.values()) for piece in shorten(one, longest_ms)]


def _stream_systems(options: PeerOptions) -> list[PeerSystem | CallstreamTogether]:
    checkpoint = stock_checkpoint(options.model, options.weights)
    folder = converted(checkpoint, options.weights)
    manifest = find_weights(options.model).manifest
    pad_ms = manifest.pad_ms if manifest.encoder_context == "cut" else FULL_PAD_MS
    ours: list[PeerSystem | CallstreamTogether] = []
    for one in options.backends:
        engine = load_backend(options.model, one)
        ours += [Callstream(engine, one.label), CallstreamTogether(engine, one.label, TOGETHER)]
    return [
        StockWhisper(checkpoint),
        FasterWhisper(folder),
        CutCTranslate2(folder, pad_ms),
        LiveKitStreaming(folder),
        *ours,
    ]


def _stream_row(name: str, found: StreamFigures) -> dict[str, Any]:
    costs = [cpu_s / found.audio_s for cpu_s in found.cpu_s]
    return {
        "system": name,
        "audio_s": round(found.audio_s, 1),
        "cpu_s_per_audio_s": spread_of([round(cost, 5) for cost in costs]),
        "calls_per_core": spread_of([round(1 / cost, 2) for cost in costs]),
        "word_error_rate": error_rate(found.errors),
        "settled_delay_ms": percentiles(found.delays_ms),
    }


def _compare_speed(size: str, options: PeerOptions, progress: Progress) -> list[dict[str, Any]]:
    """Return the cost of one update of a full window of each system, at one size."""
    task = progress.add_task(f"{size}: loading", total=None)
    forced = round(options.window_s * TOKENS_PER_SECOND)
    checkpoint = stock_checkpoint(size, options.weights)
    folder = converted(checkpoint, options.weights)
    systems: list[PeerSystem] = [
        StockWhisper(checkpoint, forced),
        FasterWhisper(folder, forced),
        CutCTranslate2(folder, 0, forced),
    ]
    engine_options = EngineOptions(window_s=options.window_s, rounds=options.rounds)
    subjects = [
        load_subject(size, str(checkpoint), backend, engine_options, options.weights)
        for backend in options.backends
    ]
    windows = speech_windows(options.window_s, SPEED_WINDOWS)
    costs: dict[str, list[float]] = {system.name: [] for system in systems}
    progress.update(task, total=options.rounds + 1, description=f"{size}: speed")
    for number in range(options.rounds + 1):
        for system in systems:
            cost_s = _update_cost(system, windows)
            if number:
                costs[system.name].append(cost_s)
        for subject in subjects:
            measure_round(subject, OURS, is_warm_up=number == 0)
        progress.advance(task)
    rows = [_speed_row(size, name, values) for name, values in costs.items()]
    for subject in subjects:
        for cell in OURS:
            row = _speed_row(
                size, f"callstream, {subject.backend.label}, {cell.label}", subject.updates_s[cell]
            )
            row["calls_per_core"] = calls_spread(
                subject.updates_s[cell], subject.finals_s, options.window_s
            )
            rows.append(row)
    return rows


def _update_cost(system: PeerSystem, windows: Sequence[Any]) -> float:
    start_s = time.process_time()
    for samples in windows:
        system.begin()
        system.update(samples)
    return (time.process_time() - start_s) / len(windows)


def _speed_row(size: str, name: str, costs_s: Sequence[float]) -> dict[str, Any]:
    """Return a row; peers have no finals of their own, so that an update a second is all."""
    return {
        "size": size,
        "system": name,
        "update_ms": spread_of([round(cost * 1000, 2) for cost in costs_s]),
        "calls_per_core": spread_of([round(1 / cost, 3) for cost in costs_s]),
    }

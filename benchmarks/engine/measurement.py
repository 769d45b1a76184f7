"""Measure how many live calls one core decodes: by size, back-end, precision, batch, draft.

Only the engine runs, on one core and one thread. Costs are CPU time of the process, so that what
else the machine does counts as little as possible; the cases of a model take turns.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.progress import Progress

from benchmarks.core.affinity import pinned_to, usable_cores
from benchmarks.core.backends import Backend, load_backend
from benchmarks.core.random_weights import SIZES, random_checkpoint
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.core.speech_windows import speech_windows
from benchmarks.core.spread import Spread, spread_of
from benchmarks.engine.cases import (
    TOKENS_PER_SECOND,
    Cell,
    Costs,
    EngineOptions,
    calls_spread,
    cells,
)
from benchmarks.engine.plot import plot
from models.asr.core.requests import BEAM_SIZE, DecodeOptions, SpeechEngine, SpeechRequest
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.console import WorkProgress
from schemas.errors import CallstreamError, ConfigurationError

RANDOM_STREAMS, REAL_STREAMS = 2, 8  # fewest windows of a measurement
MIN_WINDOW_S = 1.5


@dataclass(slots=True)
class Stream:
    """What one stream asks for: its updates and its final."""

    updates: list[SpeechRequest]
    final: SpeechRequest
    drafts: list[tuple[int, ...]] = field(default_factory=list)


@dataclass(slots=True)
class Subject:
    """A loaded engine, its streams, and what was measured of it, round by round."""

    model: str
    backend: Backend
    engine: SpeechEngine
    streams: list[Stream]
    finals_s: list[float] = field(default_factory=list)
    updates_s: dict[Cell, list[float]] = field(default_factory=dict)
    walls_s: dict[Cell, list[float]] = field(default_factory=dict)
    tokens: dict[Cell, float] = field(default_factory=dict)

    @property
    def is_random(self) -> bool:
        """Whether the weights are of the benchmark's own making."""
        return self.model in SIZES

    @property
    def label(self) -> str:
        """How tables and pictures name it: without the folders of a path."""
        path = Path(self.model)
        return f"{path.parent.name}/{path.stem}" if path.name != self.model else self.model


def measure(options: EngineOptions, *, weights: Path, out: Path) -> dict[str, Any]:
    """Return the costs of every case, and write ``engine.json`` and ``engine.png``.

    Args:
        options: What to measure.
        weights: Folder in which random checkpoints are kept.
        out: Folder for the report.

    Raises:
        CallstreamError: A model or back-end cannot be loaded, or an option makes no sense.
    """
    check_options(options)
    prepare_folder(out)
    core = options.core if options.core >= 0 else usable_cores()[0]
    rows: list[Costs] = []
    with pinned_to({core}), WorkProgress() as progress:
        for model in options.models:
            rows += _measure_model(model, options, weights, progress)
    figures = {
        "options": {**msgspec.to_builtins(options, enc_hook=base_name), "core": core},
        "tokens_per_second": TOKENS_PER_SECOND,
        "rows": rows,
    }
    report = save_report("engine", figures, out)
    plot(report, out / "engine.png")
    return report


def check_options(options: EngineOptions) -> None:
    """Do nothing if the options make sense.

    Raises:
        ConfigurationError: They do not.
    """
    if options.window_s < MIN_WINDOW_S:
        raise ConfigurationError(f"a window lasts at least {MIN_WINDOW_S} s")
    if options.rounds < 1 or not options.batches or min(options.batches) < 1:
        raise ConfigurationError("rounds and batch sizes start at 1")
    if options.core >= 0 and options.core not in usable_cores():
        raise ConfigurationError(f"core {options.core} is not among {usable_cores()}")


def _measure_model(
    model: str, options: EngineOptions, weights: Path, progress: Progress
) -> list[Costs]:
    ways = cells(options.batches)
    task = progress.add_task(f"{model}: loading", total=None)
    path = str(random_checkpoint(model, weights)) if model in SIZES else model
    cache = weights if model in SIZES else None
    subjects = [load_subject(model, path, backend, options, cache) for backend in options.backends]
    progress.update(task, total=(options.rounds + 1) * len(subjects), description=model)
    for number in range(options.rounds + 1):
        for subject in subjects:
            measure_round(subject, ways, is_warm_up=number == 0)
            progress.advance(task)
    window_s = options.window_s
    return [_costs(subject, cell, window_s) for subject in subjects for cell in ways]


def load_subject(
    model: str, path: str, backend: Backend, options: EngineOptions, cache: Path | None = None
) -> Subject:
    """Return an engine with the streams that it will be measured on.

    Raises:
        ConfigurationError: The weights do not take windows of that length.
        CallstreamError: They cannot be loaded.
    """
    engine = load_backend(path, backend, cache)
    longest_s = engine.max_samples / SAMPLE_RATE_HZ
    if options.final_audio_s > longest_s:
        raise ConfigurationError(f"{model} decodes at most {longest_s:.1f} s: leave it out")
    is_random = model in SIZES
    count = max(RANDOM_STREAMS if is_random else REAL_STREAMS, *options.batches)
    windows = speech_windows(options.final_audio_s, count, data=options.data)
    streams = [_stream(samples, options, is_random=is_random) for samples in windows]
    return Subject(model, backend, engine, streams)


def _stream(samples: FloatArray, options: EngineOptions, *, is_random: bool) -> Stream:
    def request(audio: FloatArray, beam_size: int = 1) -> SpeechRequest:
        seconds = len(audio) / SAMPLE_RATE_HZ
        forced = round(seconds * TOKENS_PER_SECOND) if is_random else 0
        options = DecodeOptions(forced_tokens=forced, beam_size=beam_size)
        return SpeechRequest(audio, options, is_exact=False)

    lengths = [options.window_s]
    if options.shape == "growing":
        lengths = [*np.arange(1.0, options.window_s, 1.0).tolist(), options.window_s]
    updates = [request(samples[: int(length * SAMPLE_RATE_HZ)]) for length in lengths]
    return Stream(updates, SpeechRequest(samples, request(samples, BEAM_SIZE).options))


def measure_round(subject: Subject, ways: Sequence[Cell], *, is_warm_up: bool) -> None:
    """Measure finals and each way of decoding updates once; a warm-up is not kept.

    Raises:
        CallstreamError: Another number of tokens was written than was to be.
    """
    if is_warm_up:
        _make_drafts(subject)
    finals = subject.streams[: REAL_STREAMS if not subject.is_random else RANDOM_STREAMS]
    final_s, _, _ = _timed(subject.engine, [[stream.final] for stream in finals])
    if not is_warm_up:
        subject.finals_s.append(final_s)
    for cell in ways:
        batches = list(_batches(subject, cell))
        update_s, wall_s, tokens = _timed(subject.engine, batches)
        if is_warm_up:
            _check_tokens(subject, batches, tokens)
            continue
        subject.updates_s.setdefault(cell, []).append(update_s)
        subject.walls_s.setdefault(cell, []).append(wall_s)
        subject.tokens[cell] = tokens


def _make_drafts(subject: Subject) -> None:
    """Give every update the hypothesis of a second before.

    Random weights write something else for every length, so theirs is the beginning of what they
    write now: all of it is accepted, the most that a draft can bring.
    """
    for stream in subject.streams:
        requests = stream.updates
        if not subject.is_random:
            requests = [_second_before(request) for request in requests]
        heard = subject.engine.transcribe_batch(requests)
        tokens = [hypothesis.tokens for hypothesis in heard]
        if subject.is_random:
            tokens = [each[: max(0, len(each) - round(TOKENS_PER_SECOND))] for each in tokens]
        stream.drafts = tokens


def _second_before(request: SpeechRequest) -> SpeechRequest:
    samples = request.samples[: max(len(request.samples) - SAMPLE_RATE_HZ, 0)]
    return SpeechRequest(samples, request.options, is_exact=False)


def _batches(subject: Subject, cell: Cell) -> Iterator[list[SpeechRequest]]:
    """Yield what the engine gets at once: the same update of several streams."""
    least = RANDOM_STREAMS if subject.is_random else REAL_STREAMS
    streams = subject.streams[: max(least, cell.batch)]
    streams = streams[: len(streams) // cell.batch * cell.batch]
    for first in range(0, len(streams), cell.batch):
        together = streams[first : first + cell.batch]
        for number in range(len(together[0].updates)):
            yield [
                SpeechRequest(
                    stream.updates[number].samples,
                    stream.updates[number].options,
                    stream.drafts[number] if cell.has_draft else (),
                    cell.is_exact,
                )
                for stream in together
            ]


def _timed(
    engine: SpeechEngine, batches: Sequence[Sequence[SpeechRequest]]
) -> tuple[float, float, float]:
    """Return CPU seconds and tokens of a request, and wall seconds of a batch, as means."""
    requests = sum(map(len, batches))
    tokens = 0
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for batch in batches:
        heard = engine.transcribe_batch(batch)
        tokens += sum(len(hypothesis.tokens) for hypothesis in heard)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return cpu_s / requests, wall_s / len(batches), tokens / requests


def _check_tokens(
    subject: Subject, batches: Sequence[Sequence[SpeechRequest]], tokens: float
) -> None:
    """Do nothing if forced numbers of tokens were written: else costs could not be compared."""
    wanted = [request.options.forced_tokens for batch in batches for request in batch]
    if subject.is_random and abs(tokens - float(np.mean(wanted))) > 0.01:  # noqa: PLR2004
        raise CallstreamError(
            f"{subject.backend.label} wrote {tokens:.1f} tokens, not {np.mean(wanted):.1f}: "
            "its costs would not compare"
        )


def _costs(subject: Subject, cell: Cell, window_s: float) -> Costs:
    return Costs(
        model=subject.label,
        backend=subject.backend.name,
        precision=subject.backend.precision,
        engine=type(subject.engine).__name__,
        batch=cell.batch,
        draft=cell.has_draft,
        exact=cell.is_exact,
        window_s=window_s,
        update_ms=_milliseconds(subject.updates_s[cell]),
        final_ms=_milliseconds(subject.finals_s),
        update_wall_ms=_milliseconds(subject.walls_s[cell]),
        calls_per_core=calls_spread(subject.updates_s[cell], subject.finals_s, window_s),
        tokens=round(subject.tokens[cell], 2),
    )


def _milliseconds(seconds: Sequence[float]) -> Spread:
    return spread_of([round(value * 1000, 3) for value in seconds])

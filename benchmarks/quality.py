"""Measure how many words come out wrong: by set, by back-end and precision, by policy, by line."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress

from benchmarks.backends import Backend, load_backend
from benchmarks.error_rates import error_rate, errors_of, rate_difference
from benchmarks.non_speech import hear_words
from benchmarks.quality_policies import grow, policy_cases, policy_figures, shorten
from benchmarks.quality_sets import HeldOut, load_sets, timed_only
from benchmarks.report import base_name, prepare_folder, save_report
from models.asr.engine import SpeechEngine
from models.asr.guards import DEFAULT_GUARDS, apply_guards
from models.audio.samples import SAMPLE_RATE_HZ
from models.vad.silero import load_vad
from schemas.errors import ConfigurationError
from stream_app.demo.word_errors import WordErrors
from training.asr.non_speech import non_speech_clips

TELEPHONE, CLEAN = "telephone", "clean 8 kHz"


class QualityOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        model: ``bundled``, or a path.
        backends: The first one is what the others are compared with.
        most: Utterances of each set.
        policy_most: Utterances with known word times for the policies' curves.
        non_speech_minutes: Of audio without words; 0 leaves that out.
        demo_call: Folder of the demo call.
        work: Work folder of the speech training; sets that are not there are left out.
        augment: Folder with recorded noise and music; None for synthetic ones alone.
    """

    model: str
    backends: tuple[Backend, ...]
    most: int
    policy_most: int
    non_speech_minutes: float
    demo_call: Path
    work: Path
    augment: Path | None = None


def measure(options: QualityOptions, *, out: Path) -> dict[str, Any]:
    """Return all error rates, and write ``quality.json`` and ``quality.png``.

    Raises:
        CallstreamError: A model cannot be loaded, or a set cannot be read.
    """
    from benchmarks.quality_plot import plot  # noqa: PLC0415 - it draws at the end

    if options.most < 1 or options.policy_most < 1:
        raise ConfigurationError("measure at least one utterance")
    prepare_folder(out)
    with Progress(console=Console(stderr=True)) as progress:
        engine, rates = _measure_backends(options, progress)
        figures = {
            "options": {**msgspec.to_builtins(options, enc_hook=base_name)},
            "model": engine.name,
            "error_rates": rates,
            "policies": _measure_policies(engine, options, progress),
            "non_speech": _measure_non_speech(engine, options, progress),
        }
    report = save_report("quality", figures, out)
    plot(report, out / "quality.png")
    return report


def _measure_backends(
    options: QualityOptions, progress: Progress
) -> tuple[SpeechEngine, list[dict[str, Any]]]:
    """Return the first back-end's engine, and the rates of all of them on all sets."""
    lines = {
        TELEPHONE: load_sets(options.demo_call, options.work, most=options.most, is_telephone=True),
        CLEAN: load_sets(options.demo_call, options.work, most=options.most, is_telephone=False),
    }
    lines[CLEAN].pop("demo_call")  # it is a recording of a telephone line
    rows: list[dict[str, Any]] = []
    reference: dict[str, list[WordErrors]] = {}
    first: SpeechEngine | None = None
    for backend in options.backends:
        engine = load_backend(options.model, backend)
        first = first or engine
        for line, sets in lines.items():
            if line == CLEAN and engine is not first:
                continue
            for name, utterances in sets.items():
                task = progress.add_task(f"{backend.label}: {name}, {line}", total=len(utterances))
                errors, cost = _recognise(engine, utterances, progress, task)
                progress.remove_task(task)
                key = f"{name}/{line}"
                row: dict[str, Any] = {
                    "backend": backend.name,
                    "precision": backend.precision,
                    "set": name,
                }
                row |= {"line": line, "word_error_rate": error_rate(errors)}
                row |= {"cpu_s_per_audio_s": round(cost, 5)}
                if key in reference:
                    row["difference"] = rate_difference(errors, reference[key])
                reference.setdefault(key, errors)
                rows.append(row)
    if first is None:
        raise ConfigurationError("name at least one back-end")
    return first, rows


def _recognise(
    engine: SpeechEngine, utterances: Sequence[HeldOut], progress: Progress, task: Any
) -> tuple[list[WordErrors], float]:
    """Return the errors of each utterance, and the CPU seconds for each second of audio."""
    errors = []
    cpu_s = 0.0
    for utterance in utterances:
        start_s = time.process_time()
        heard = engine.transcribe(utterance.samples)
        cpu_s += time.process_time() - start_s
        guarded = apply_guards(heard, utterance.samples, DEFAULT_GUARDS)
        errors.append(errors_of(utterance.words, guarded.hypothesis.text))
        progress.advance(task)
    audio_s = sum(len(utterance.samples) for utterance in utterances) / SAMPLE_RATE_HZ
    return errors, cpu_s / audio_s


def _measure_policies(
    engine: SpeechEngine, options: QualityOptions, progress: Progress
) -> list[dict[str, Any]]:
    """Return the curves, on the utterances whose word times are known."""
    sets = load_sets(options.demo_call, options.work, most=options.policy_most, is_telephone=True)
    pieces = [
        piece for one in timed_only(sets.values()) for piece in shorten(one, engine.max_segment_ms)
    ]
    task = progress.add_task("policies", total=len(pieces))
    grown = []
    for piece in pieces:
        grown.append(grow(piece, engine))
        progress.advance(task)
    progress.remove_task(task)
    return [policy_figures(case, grown) for case in policy_cases()]


def _measure_non_speech(
    engine: SpeechEngine, options: QualityOptions, progress: Progress
) -> dict[str, Any] | None:
    if not options.non_speech_minutes:
        return None
    task = progress.add_task("audio without words", total=None)
    clips = non_speech_clips(minutes=options.non_speech_minutes, augment_folder=options.augment)
    heard = hear_words(((clip.kind, clip.samples) for clip in clips), engine, load_vad())
    progress.remove_task(task)
    return {
        "minutes": round(heard.audio_ms / 60_000, 2),
        "words": heard.words,
        "segments": heard.segments,
        "rejected": dict(heard.rejected),
        "words_taken_by_guards": heard.words_taken,
    }

"""Measure how many words come out wrong: by set, by system, by policy, and where nobody speaks."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import Progress

from benchmarks.core.affinity import pinned_to, usable_cores
from benchmarks.core.error_rates import MeanRatio, mean_ratio
from benchmarks.core.held_out_sets import HeldOut, load_sets, timed_only
from benchmarks.core.real_sets import CALLS, CLEAN, REAL_SETS, TELEPHONE, Line, load_real_sets
from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.quality.bars import judge
from benchmarks.quality.hearing import Heard, hear_all
from benchmarks.quality.non_speech import (
    SOURCE_RATE_HZ,
    Sound,
    detected_sounds,
    undetected_sounds,
    word_figures,
)
from benchmarks.quality.pieces import WINDOW_MS, Cut, Piece, pieces_at_pauses, segments, windows
from benchmarks.quality.plot import plot
from benchmarks.quality.policies import grow, policy_cases, policy_figures, shorten
from benchmarks.quality.systems import System
from benchmarks.quality.word_rates import comparison, piece_figures, set_row
from models.asr.checkpoints.weights import find_weights
from models.asr.core.confidence import IDENTITY
from models.asr.core.requests import SpeechEngine
from models.audio.samples import FloatArray
from models.console import WorkProgress
from models.text.word_errors import WordErrors
from models.vad.silero import NARROWBAND_HZ, load_vad
from schemas.errors import ConfigurationError
from stream_app.calls.transcribe.segmenter import SegmentConfig
from training.asr.speech.non_speech import NonSpeechClip, non_speech_clips
from training.core.sampling import spread_evenly

Sets = Mapping[str, Sequence[HeldOut]]


class QualityOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        systems: The first one is what the others are compared with.
        unquantized: What int8 is compared with; None leaves that out.
        lines: That the speech goes through.
        cut: How a recording is decoded: in ``windows`` of at most 12 s, or in the ``segments`` that
            the live path cuts.
        limit: Recordings of each set.
        pieces: Stretches between pauses, of all sets together, for every system but a reference
            that others are compared with; 0 leaves them out.
        policy_limit: Recordings with known word times for the policies' curves, of the first
            system; 0 leaves that out.
        non_speech_minutes: Of audio without words; 0 leaves that out.
        demo_call: Folder of the demo call.
        data: Folder with ``speech`` and ``augment``; None leaves real speech out, and recorded
            noise.
        work: Work folder of the speech training, for the unheard voices.
        keeps: Take what a system heard in an earlier run into the same folder, of the same audio.
    """

    systems: tuple[System, ...]
    unquantized: System | None = None
    lines: tuple[Line, ...]
    cut: Cut
    limit: int
    pieces: int
    policy_limit: int
    non_speech_minutes: float
    demo_call: Path
    data: Path | None
    work: Path
    keeps: bool = False


def measure(options: QualityOptions, *, out: Path) -> dict[str, Any]:
    """Return all figures, and write ``quality.json`` and ``quality.png``.

    Raises:
        CallstreamError: A model cannot be loaded, or a set cannot be read.
    """
    if options.limit < 1:
        raise ConfigurationError("measure at least one recording of each set")
    prepare_folder(out)
    with pinned_to(usable_cores()[:1]), WorkProgress() as progress:
        found = _Measurement(options, out / "heard", progress).run()
    report = save_report("quality", {"options": _options(options), **found}, out)
    plot(report, out / "quality.png")
    return report


def _options(options: QualityOptions) -> dict[str, Any]:
    written: dict[str, Any] = msgspec.to_builtins(options, enc_hook=base_name)
    return written | {
        "systems": [system.label for system in options.systems],
        "unquantized": options.unquantized and options.unquantized.label,
    }


class _Measurement:
    """The figures of every system, one system after the other."""

    def __init__(self, options: QualityOptions, kept: Path, progress: Progress) -> None:
        self._options = options
        self._kept = kept
        self._progress = progress
        self._vad = load_vad(sample_rate_hz=NARROWBAND_HZ)
        self._sets = {line: _load(options, line) for line in options.lines}
        self._pieces = self._cut_pieces()
        self._non_speech = self._make_non_speech()
        self._errors: dict[tuple[System, Line, str], list[WordErrors]] = {}

    def run(self) -> dict[str, Any]:
        options = self._options
        found: dict[str, list[Any]] = {
            part: [] for part in ("systems", "error_rates", "pieces", "policies", "non_speech")
        }
        for system in options.systems:
            engine = system.load()
            self._add_rates(system, engine, options.lines, found)
            is_first = system == options.systems[0]
            if self._pieces and not (is_first and len(options.systems) > 1):
                found["pieces"].append(self._piece_figures(system, engine))
            if options.non_speech_minutes:
                found["non_speech"].append(self._non_speech_figures(system, engine))
            if is_first:
                found["policies"] = self._policies(engine)
        if options.unquantized is not None:
            self._add_rates(options.unquantized, options.unquantized.load(), (TELEPHONE,), found)
        unquantized = options.unquantized.label if options.unquantized else ""
        plain: dict[str, Any] = msgspec.to_builtins(found)
        return {**plain, "bars": [bar.row for bar in judge(plain, unquantized)]}

    def _add_rates(
        self,
        system: System,
        engine: SpeechEngine,
        lines: Sequence[Line],
        found: Mapping[str, list[Any]],
    ) -> None:
        rows = self._error_rates(system, engine, lines)
        found["error_rates"].extend(rows)
        found["systems"].append(self._summary(system, rows))

    def _error_rates(
        self, system: System, engine: SpeechEngine, lines: Sequence[Line]
    ) -> list[dict[str, Any]]:
        rows = []
        for line in lines:
            for name, said in self._sets.get(line, {}).items():
                parts = [self._parts(one.samples, engine) for one in said]
                heard = self._hear(system, engine, parts, f"{name}, {line}")
                row, errors = set_row(said, parts, heard)
                row = {"system": system.label, "set": name, "line": line, **row}
                self._errors[system, line, name] = errors
                if system != self._options.systems[0]:
                    row |= comparison(errors, self._reference(line, name))
                rows.append(row)
        return rows

    def _reference(self, line: Line, name: str) -> list[WordErrors]:
        return self._errors[self._options.systems[0], line, name]

    def _summary(self, system: System, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return a system's runaways, and its ratio to the first system over the real sets."""
        names = [name for name in REAL_SETS if (system, TELEPHONE, name) in self._errors]
        has_ratio = names and system != self._options.systems[0]
        return {
            "system": system.label,
            "ratio": self._ratio(system, names) if has_ratio else None,
            "ratio_without_calls": (
                self._ratio(system, [name for name in names if name != CALLS])
                if has_ratio
                else None
            ),
            "runaways": sum(row["runaways"] for row in rows),
            "decode_s": round(sum(row["decode_s"] for row in rows), 2),
        }

    def _ratio(self, system: System, names: Sequence[str]) -> MeanRatio:
        return mean_ratio(
            [
                (self._errors[system, TELEPHONE, name], self._reference(TELEPHONE, name))
                for name in names
            ]
        )

    def _parts(self, samples: FloatArray, engine: SpeechEngine) -> list[FloatArray]:
        if self._options.cut == "windows":
            return windows(samples, min(engine.max_segment_ms or WINDOW_MS, WINDOW_MS))
        return segments(samples, self._vad, _segment_config(engine))

    def _hear(
        self,
        system: System,
        engine: SpeechEngine,
        parts: Sequence[Sequence[FloatArray]],
        what: str,
    ) -> list[Heard]:
        task = self._progress.add_task(f"{system.label}: {what}", total=len(parts))
        kept = self._kept / f"{_key(system, what)}.json" if self._options.keeps else None
        try:
            return hear_all(
                engine,
                parts,
                options=system.options,
                kept=kept,
                advance=lambda: self._progress.advance(task),
            )
        finally:
            self._progress.remove_task(task)

    def _cut_pieces(self) -> list[Piece]:
        if not self._options.pieces:
            return []
        sets = next(iter(self._sets.values()))
        real = [one for name, each in sets.items() if name in REAL_SETS for one in each]
        found = pieces_at_pauses(real)
        return [found[index] for index in spread_evenly(len(found), self._options.pieces)]

    def _piece_figures(self, system: System, engine: SpeechEngine) -> dict[str, Any]:
        parts = [[piece.samples] for piece in self._pieces]
        heard = self._hear(system, engine, parts, "pieces")
        return {"system": system.label, **piece_figures(self._pieces, heard)}

    def _policies(self, engine: SpeechEngine) -> list[dict[str, Any]]:
        """Return the policies' curves, on the recordings whose word times are known."""
        limit = self._options.policy_limit
        if not limit:
            return []
        sets = load_sets(self._options.demo_call, self._options.work, most=limit, is_telephone=True)
        pieces = [
            piece
            for one in timed_only(sets.values())
            for piece in shorten(one, engine.max_segment_ms)
        ]
        task = self._progress.add_task("policies", total=len(pieces))
        grown = []
        for piece in pieces:
            grown.append(grow(piece, engine))
            self._progress.advance(task)
        self._progress.remove_task(task)
        return [policy_figures(case, grown) for case in policy_cases()]

    def _make_non_speech(self) -> tuple[NonSpeechClip, ...]:
        options = self._options
        if not options.non_speech_minutes:
            return ()
        augment = None if options.data is None else options.data / "augment"
        return tuple(non_speech_clips(minutes=options.non_speech_minutes, augment_folder=augment))

    def _non_speech_figures(self, system: System, engine: SpeechEngine) -> dict[str, Any]:
        """Return the words of audio without any, behind voice activity detection and without it."""
        clips = self._non_speech
        detected = detected_sounds(clips, self._vad, _segment_config(engine))
        found = self._sound_figures(system, engine, detected, "without speech")
        stretches = undetected_sounds(clips)
        without = self._sound_figures(system, engine, stretches, "without speech or detection")
        return {
            "system": system.label,
            "minutes": round(sum(len(c.samples) for c in clips) / SOURCE_RATE_HZ / 60, 2),
            **found,
            "without_detection": without,
        }

    def _sound_figures(
        self, system: System, engine: SpeechEngine, sounds: Sequence[Sound], what: str
    ) -> dict[str, Any]:
        heard = self._hear(system, engine, [[sound.samples] for sound in sounds], what)
        return word_figures(sounds, [one.parts[0] for one in heard])


def _segment_config(engine: SpeechEngine) -> SegmentConfig:
    longest_ms = SegmentConfig().max_segment_ms
    return SegmentConfig(max_segment_ms=min(engine.max_segment_ms or longest_ms, longest_ms))


def _load(options: QualityOptions, line: Line) -> Sets:
    sets: dict[str, list[HeldOut]] = {}
    if line != CLEAN:
        is_telephone = line == TELEPHONE
        sets = load_sets(
            options.demo_call, options.work, most=options.limit, is_telephone=is_telephone
        )
        if not is_telephone:
            sets.pop("demo_call")  # it is a recording of a telephone line
    if options.data is not None:
        sets |= load_real_sets(options.data, most=options.limit, line=line)
    return sets


def _key(system: System, what: str) -> str:
    """Return the name of the file that keeps what a system heard."""
    weights = find_weights(system.model)
    about = weights.manifest
    heard = system.context or f"{about.encoder_context} {about.pad_ms}"
    if about.speech != IDENTITY:
        heard += f" {about.speech}"
    if system.beam_size > 1:
        heard += f" {system.beam_size}"
    text = f"{weights.cache_key()}/{about.sha256}/{heard}/{system.backend.label}/{what}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]

"""Recordings in pieces: windows and segments to decode in turn, and stretches between pauses."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import soxr

from benchmarks.core.held_out_sets import HeldOut
from benchmarks.quality.non_speech import SOURCE_RATE_HZ, segments_of
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.vad.silero import SpeechDetector
from stream_app.calls.transcribe.segmenter import SegmentConfig
from training.asr.evaluation.decoding import cuts

Cut = Literal["windows", "segments"]

WINDOW_MS = 12_000
PAUSES_MS = (220, 120, 400, 60)
BLOCK_MS = 20
PAUSE_BELOW_DB = 30.0
MIN_PIECE_MS = 500
MIN_CHANGE_MS = 300  # of the ends of a piece, taken together, against any other of its recording


class Piece(NamedTuple):
    """A stretch between pauses.

    Attributes:
        samples: Mono at 16 kHz.
        expected_words: The words of its recording by its share of the sounding time; which ones it
            holds is not known.
    """

    samples: FloatArray
    expected_words: float


def windows(samples: FloatArray, longest_ms: int = WINDOW_MS) -> list[FloatArray]:
    """Return audio at 16 kHz in windows of at most this length, cut at the quietest 20 ms."""
    borders = cuts(samples, longest_ms)
    return [np.ascontiguousarray(samples[start:end]) for start, end in pairwise(borders)]


def segments(samples: FloatArray, vad: SpeechDetector, config: SegmentConfig) -> list[FloatArray]:
    """Return the segments of audio at 16 kHz that the live path decodes, at the same rate."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, SOURCE_RATE_HZ, "HQ")
    found = segments_of(np.asarray(narrow, dtype=np.float32), vad, config)
    return [segment.samples for segment in found]


def pieces_at_pauses(recordings: Sequence[HeldOut]) -> list[Piece]:
    """Return stretches of 0.5 to 12 s between pauses, those of each of `PAUSES_MS` in turn.

    A pause is what stays 30 dB under the loudest 20 ms of its recording. Shorter and longer pauses
    add stretches whose ends lie elsewhere; none comes twice.
    """
    taken: list[list[tuple[int, int]]] = [[] for _ in recordings]
    return [
        piece
        for pause_ms in PAUSES_MS
        for recording, spans in zip(recordings, taken, strict=True)
        for piece in _fresh_pieces(recording, pause_ms, spans)
    ]


def sounding_spans(samples: FloatArray, pause_ms: int = PAUSES_MS[0]) -> list[tuple[int, int]]:
    """Return where the stretches between pauses begin and end, as sample numbers at 16 kHz."""
    block = SAMPLE_RATE_HZ * BLOCK_MS // 1000
    whole = samples[: len(samples) // block * block]
    powers = np.square(whole.reshape(-1, block)).mean(axis=1)
    loud = np.flatnonzero(powers > powers.max(initial=0.0) * 10 ** (-PAUSE_BELOW_DB / 10))
    if not len(loud):
        return []
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > pause_ms // BLOCK_MS) + 1)
    return [(int(group[0]) * block, (int(group[-1]) + 1) * block) for group in groups]


def _fresh_pieces(
    recording: HeldOut, pause_ms: int, taken: list[tuple[int, int]]
) -> Iterator[Piece]:
    """Yield the pieces that differ from those taken before, and take them."""
    stretches = sounding_spans(recording.samples, pause_ms)
    sounding = sum(end - start for start, end in stretches)
    for start, end in _windows_of(recording.samples, stretches):
        if (end - start) * 1000 < MIN_PIECE_MS * SAMPLE_RATE_HZ or _is_taken(start, end, taken):
            continue
        taken.append((start, end))
        samples = np.ascontiguousarray(recording.samples[start:end])
        yield Piece(samples, len(recording.words) * len(samples) / sounding)


def _windows_of(
    samples: FloatArray, stretches: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    for start, end in stretches:
        borders = cuts(samples[start:end], WINDOW_MS)
        yield from ((start + first, start + last) for first, last in pairwise(borders))


def _is_taken(start: int, end: int, taken: Sequence[tuple[int, int]]) -> bool:
    least = MIN_CHANGE_MS * SAMPLE_RATE_HZ // 1000
    return any(abs(start - first) + abs(end - last) < least for first, last in taken)

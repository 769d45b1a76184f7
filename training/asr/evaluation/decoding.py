"""Recordings as the engine decodes them and the guards leave them, in pieces like segments."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import jiwer
import msgspec
import numpy as np
import soxr

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.requests import DEFAULT_OPTIONS, GREEDY, SpeechEngine, SpeechRequest
from models.asr.guards import DEFAULT_GUARDS, apply_guards, audio_reason
from models.audio.samples import SAMPLE_RATE_HZ
from models.text.spoken_form import spoken_parts
from training.asr.speech.telephone_line import telephone_line
from training.asr.speech.utterances import SAMPLE_RATE_HZ as SOURCE_RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.asr.core.requests import DecodeOptions
    from models.audio.samples import FloatArray
    from training.asr.speech.non_speech import NonSpeechClip
    from training.asr.speech.utterances import Recording

PARTIAL_INTERVAL_MS = 500
_CUT_WINDOW_MS, _FRAME_MS = 2_000, 20


class Decoded(msgspec.Struct, frozen=True):
    """A recording's reference and the hypothesis of each of its pieces.

    Attributes:
        words: What was said.
        spans_ms: Their times; empty where they are not known.
        pieces: Start of each piece in the recording (ms) and its hypothesis.
        growing: For each piece the hypotheses of its beginnings, every 500 ms, the whole last.
    """

    words: tuple[str, ...]
    spans_ms: tuple[tuple[int, int], ...]
    pieces: tuple[tuple[int, Hypothesis], ...]
    growing: tuple[tuple[Hypothesis, ...], ...] = ()

    @property
    def heard(self) -> tuple[Word, ...]:
        """Return the words heard, on the recording's clock."""
        return tuple(
            msgspec.structs.replace(
                word, start_ms=word.start_ms + start_ms, end_ms=word.end_ms + start_ms
            )
            for start_ms, hypothesis in self.pieces
            for word in hypothesis.words
        )


def decode_all(
    engine: SpeechEngine, recordings: Iterable[Recording], *, with_partials: bool = False
) -> Iterable[Decoded]:
    """Yield what the engine decodes of each recording over a telephone line.

    Args:
        engine: To calibrate.
        recordings: Mono at 8 kHz.
        with_partials: Decode the beginnings of each piece too, as the live path does.
    """
    longest_ms = engine.max_segment_ms or engine.max_samples * 1000 // SAMPLE_RATE_HZ
    for number, recording in enumerate(recordings):
        samples = _wide(telephone_line(recording.samples, seed=number))
        pieces, growing = [], []
        for start, end in pairwise(cuts(samples, longest_ms)):
            piece = np.ascontiguousarray(samples[start:end])
            updates = _beginnings(engine, piece) if with_partials else ()
            final = _decode(engine, piece)
            pieces.append((start * 1000 // SAMPLE_RATE_HZ, final))
            growing.append((*updates, final))
        utterance = recording.utterance
        yield Decoded(utterance.words, utterance.word_spans_ms, tuple(pieces), tuple(growing))


def decode_silent(engine: SpeechEngine, clips: Iterable[NonSpeechClip]) -> list[Hypothesis]:
    """Return the hypotheses with words that an engine makes of sound without any.

    Those of sound that the guards know without them, such as tones, are left out.
    """
    found = []
    for clip in clips:
        samples = _wide(clip.samples)
        hypothesis = engine.transcribe(samples)
        if hypothesis.words and audio_reason(samples, DEFAULT_GUARDS) is None:
            found.append(hypothesis)
    return found


def _wide(samples: FloatArray) -> FloatArray:
    wide = soxr.resample(samples, SOURCE_RATE_HZ, SAMPLE_RATE_HZ, "HQ")
    return np.asarray(wide, dtype=np.float32)


def _beginnings(engine: SpeechEngine, piece: FloatArray) -> tuple[Hypothesis, ...]:
    step = SAMPLE_RATE_HZ * PARTIAL_INTERVAL_MS // 1000
    return tuple(_decode(engine, piece[:end], GREEDY) for end in range(step, len(piece), step))


def _decode(
    engine: SpeechEngine, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
) -> Hypothesis:
    request = SpeechRequest(np.ascontiguousarray(samples), options)
    (hypothesis,) = engine.transcribe_batch([request])
    return apply_guards(hypothesis, samples, DEFAULT_GUARDS).hypothesis


def cuts(samples: FloatArray, longest_ms: int) -> list[int]:
    """Return where to cut audio into pieces that are not too long: in silence, ends included."""
    longest, window = (SAMPLE_RATE_HZ * ms // 1000 for ms in (longest_ms, _CUT_WINDOW_MS))
    frame = SAMPLE_RATE_HZ * _FRAME_MS // 1000
    borders = [0]
    while len(samples) - borders[-1] > longest:
        first = borders[-1] + longest - window
        recent = samples[first : first + window]
        blocks = recent[: len(recent) // frame * frame].reshape(-1, frame)
        quietest = int(np.square(blocks).sum(axis=1).argmin())
        borders.append(first + quietest * frame + frame // 2)
    return [*borders, len(samples)]


def matched_words(decoded: Decoded) -> list[tuple[int, int]]:
    """Return the indices, among the heard and among the said words, of those that are right.

    They are compared by their spoken forms. A heard word that stands for several said ones, as
    "555" does, is right if all of them are, and is given with the first.
    """
    heard = spoken_parts([word.text for word in decoded.heard])
    said = spoken_parts(decoded.words)
    if not heard or not said:
        return []
    (chunks,) = jiwer.process_words(
        [" ".join(part for part, _ in said)], [" ".join(part for part, _ in heard)]
    ).alignments
    wanted = Counter(index for _, index in heard)
    matched: dict[int, list[int]] = {}
    for chunk in chunks:
        if chunk.type == "equal":
            for n in range(chunk.ref_end_idx - chunk.ref_start_idx):
                index = heard[chunk.hyp_start_idx + n][1]
                matched.setdefault(index, []).append(said[chunk.ref_start_idx + n][1])
    return [(index, ours[0]) for index, ours in matched.items() if len(ours) == wanted[index]]

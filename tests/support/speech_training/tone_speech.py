"""Utterances whose "speech" is tones, with exact times."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import training.asr
from training.asr.speech.utterances import SAMPLE_RATE_HZ, Recording, Utterance

RECIPES = Path(training.asr.__file__).parent / "recipes"
_WORD_MS = 250


def tone_recording(text: str, *, source: str = "espeak") -> Recording:
    """Return one tone per word, with exact word and phone times."""
    words = tuple(text.split())
    clock = np.arange(_WORD_MS * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    tones = [0.4 * np.sin(2 * np.pi * (300 + 60 * len(word)) * clock) for word in words]
    samples = np.concatenate(tones).astype(np.float32)
    starts = tuple(_WORD_MS * number for number in range(len(words)))
    is_synthetic = source in {"espeak", "flite"}
    utterance = Utterance(
        source=source,
        voice="tone",
        words=words,
        samples=len(samples),
        word_spans_ms=tuple((s, s + _WORD_MS) for s in starts) if is_synthetic else (),
        phone_set=source if is_synthetic else "",
        phones=tuple(word[0] for word in words) if is_synthetic else (),
        phone_starts_ms=starts if is_synthetic else (),
        phones_end_ms=_WORD_MS * len(words) if is_synthetic else 0,
    )
    return Recording(utterance, samples)

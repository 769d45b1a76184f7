"""The utterances of the bundled call as recordings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from training.asr.speech.utterances import SAMPLE_RATE_HZ, Recording, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SPAN_MARGIN_MS = 200


def demo_call_recordings(folder: Path) -> Iterator[Recording]:
    """Yield the demo call's utterances, cut at their reference spans with a margin."""
    reference = json.loads((folder / "reference.json").read_text("utf-8"))
    audio, _ = soundfile.read(folder / "call.wav", dtype="float32", always_2d=True)
    for utterance in reference["utterances"]:
        start = max(0, (utterance["start_ms"] - _SPAN_MARGIN_MS) * SAMPLE_RATE_HZ // 1000)
        end = (utterance["end_ms"] + _SPAN_MARGIN_MS) * SAMPLE_RATE_HZ // 1000
        samples = np.ascontiguousarray(audio[start:end, utterance["channel"]])
        words = tuple(word["text"] for word in utterance["words"])
        yield Recording(Utterance("demo", utterance["party"], words, len(samples)), samples)

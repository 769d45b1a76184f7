"""What a system heard is kept, as far as a run came."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.hearing import KEPT_EVERY, hear_all
from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.audio.samples import FloatArray

RECORDINGS = [[np.full(10, n, dtype=np.float32)] for n in range(KEPT_EVERY + 5)]


class _Counting:
    """Hears the number of a recording; stops at one of them as a killed run does."""

    name = "counting"
    max_samples = 100
    max_segment_ms = 0

    def __init__(self, stops_at: int = 1_000) -> None:
        self.heard: list[int] = []
        self._stops_at = stops_at

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        del options
        number = int(samples[0])
        if number == self._stops_at:
            raise KeyboardInterrupt
        self.heard.append(number)
        return Hypothesis(text=str(number))

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        return [self.transcribe(request.samples) for request in requests]


def test_a_run_goes_on_where_another_one_stopped(tmp_path: Path) -> None:
    kept = tmp_path / "heard.json"
    with pytest.raises(KeyboardInterrupt):
        hear_all(_Counting(stops_at=KEPT_EVERY + 2), RECORDINGS, kept=kept)
    second, third = _Counting(), _Counting()

    found = hear_all(second, RECORDINGS, kept=kept)
    again = hear_all(third, RECORDINGS, kept=kept)

    assert second.heard == list(range(KEPT_EVERY, KEPT_EVERY + 5))
    assert third.heard == []
    assert found == again
    assert [one.text for one in found] == [str(n) for n in range(len(RECORDINGS))]


def test_other_audio_is_heard_anew(tmp_path: Path) -> None:
    kept = tmp_path / "heard.json"
    hear_all(_Counting(), RECORDINGS, kept=kept)
    engine = _Counting()

    hear_all(engine, RECORDINGS[:-1], kept=kept)

    assert len(engine.heard) == len(RECORDINGS) - 1

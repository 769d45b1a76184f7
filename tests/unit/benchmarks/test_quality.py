"""Policies on decodes of growing utterances, with a fake engine that knows what is said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.backends import Backend
from benchmarks.quality import QualityOptions
from benchmarks.quality_policies import (
    PAUSE_MS,
    STEP_MS,
    GrowingUtterance,
    PolicyCase,
    commit_times,
    grow,
    policy_cases,
    policy_figures,
    shorten,
)
from benchmarks.quality_sets import HeldOut, demo_utterances, load_sets, spread_evenly
from benchmarks.reference import TrueWord
from models.asr.engine import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.asr.hypothesis import Hypothesis, Word
from models.asr.policies import PolicyConfig
from models.audio.samples import FloatArray
from schemas.errors import ConfigurationError
from stream_app.demo.session import DEMO_CALL

SAID = tuple(TrueWord(text, 300 * n, 300 * n + 250) for n, text in enumerate("abcdef"))
UTTERANCE = HeldOut(np.zeros(16 * 2_000, dtype=np.float32), tuple("abcdef"), SAID)


class _Oracle:
    """Hears every word that has ended; the last one of them wrong until 300 ms later."""

    name = "oracle"
    max_samples = 30 * 16_000
    max_segment_ms = 0

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        del options
        now_ms = len(samples) // 16
        words = [
            Word(
                text=word.text if now_ms >= word.end_ms + 300 or now_ms >= 2_000 else "um",
                start_ms=word.start_ms,
                end_ms=word.end_ms,
                confidence=1.0,
            )
            for word in SAID
            if word.end_ms <= now_ms
        ]
        text = " ".join(word.text for word in words)
        return Hypothesis(text=text, words=tuple(words), duration_ms=now_ms)

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        return [self.transcribe(request.samples) for request in requests]


def grown() -> GrowingUtterance:
    return grow(UTTERANCE, _Oracle())


def case(name: Any, *, guard_ms: int = 400, interval_ms: int = 250) -> PolicyCase:
    return PolicyCase(PolicyConfig(name=name, guard_ms=guard_ms), interval_ms)


def test_an_utterance_is_decoded_from_its_beginning_at_every_step() -> None:
    durations = [partial.duration_ms for partial in grown().partials]

    assert durations == list(range(STEP_MS, 2_000, STEP_MS))
    assert grown().final.duration_ms == 2_000


def test_utterance_only_commits_everything_with_the_final() -> None:
    times = commit_times(case("utterance_only"), grown())

    assert [word.text for word, _ in times] == list("abcdef")
    assert {at_ms for _, at_ms in times} == {2_000 + PAUSE_MS}


def test_every_policy_commits_every_word_once() -> None:
    for each in policy_cases():
        times = commit_times(each, grown())
        starts = [word.start_ms for word, _ in times]
        assert starts == sorted(set(starts))
        assert len(times) == len(SAID)


def test_a_longer_interval_delays_agreement() -> None:
    often, seldom = (
        policy_figures(case("local_agreement", interval_ms=ms), [grown()]) for ms in (250, 500)
    )

    assert often["commit_delay_ms"]["p50"] < seldom["commit_delay_ms"]["p50"]


def test_a_guard_trades_delay_for_errors() -> None:
    """Without a guard the oracle's wrong last words are committed; with one they are not."""
    hasty, careful = (
        policy_figures(case("attention_guided", guard_ms=ms), [grown()]) for ms in (0, 400)
    )

    assert hasty["word_error_rate"].rate > careful["word_error_rate"].rate == 0
    assert careful["early_share"] > 0


def test_a_long_utterance_is_parted_between_words() -> None:
    pieces = shorten(UTTERANCE, 1_000)

    assert [word for piece in pieces for word in piece.words] == list("abcdef")
    assert sum(len(piece.samples) for piece in pieces) == len(UTTERANCE.samples)
    assert all(len(piece.samples) <= 16_000 for piece in pieces)
    for piece in pieces:
        assert all(0 <= w.start_ms < w.end_ms <= len(piece.samples) // 16 for w in piece.true_words)


def test_a_short_utterance_stays_whole() -> None:
    assert shorten(UTTERANCE, 5_500) == [UTTERANCE]
    assert shorten(UTTERANCE, 0) == [UTTERANCE]


def test_utterances_of_the_demo_call_hold_their_words_where_they_say() -> None:
    """The audio is louder where a word is said than in the margin before the first one."""
    for utterance in demo_utterances(DEMO_CALL.parent)[:4]:
        first = utterance.true_words[0]
        spoken = utterance.samples[first.start_ms * 16 : first.end_ms * 16]
        margin = utterance.samples[: first.start_ms * 16 - 800]
        assert np.std(spoken) > 4 * np.std(margin)


def test_a_sample_of_a_set_is_taken_from_all_of_it() -> None:
    assert spread_evenly(10, 4) == [0, 2, 5, 7]
    assert spread_evenly(3, 4) == [0, 1, 2]


def test_sets_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    sets = load_sets(DEMO_CALL.parent, tmp_path, most=3, is_telephone=True)

    assert {name: len(utterances) for name, utterances in sets.items()} == {"demo_call": 3}


def options(tmp_path: Path, **changes: Any) -> QualityOptions:
    values: dict[str, Any] = {
        "model": "bundled",
        "backends": (Backend("onnx", "fp32"), Backend("onnx", "int8")),
        "most": 4,
        "policy_most": 2,
        "non_speech_minutes": 0.0,
        "demo_call": DEMO_CALL.parent,
        "work": tmp_path,
    }
    return QualityOptions(**{**values, **changes})


def test_the_report_compares_back_ends_and_policies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(quality, "load_backend", lambda *_, **__: _Oracle())

    report = quality.measure(options(tmp_path), out=tmp_path)

    first, second = report["error_rates"]
    assert first["set"] == second["set"] == "demo_call"
    assert "difference" not in first
    assert second["difference"]["rate"] == 0.0
    assert 0.8 < first["word_error_rate"]["rate"] <= 1.5  # the oracle says only letters
    assert {row["policy"] for row in report["policies"]} == {
        "local_agreement",
        "attention_guided",
        "utterance_only",
    }
    assert report["non_speech"] is None
    assert (tmp_path / "quality.png").stat().st_size > 1_000


def test_nothing_to_measure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one utterance"):
        quality.measure(options(tmp_path, most=0), out=tmp_path)

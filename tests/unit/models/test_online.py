"""Insert, process, finish."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.asr import (
    DecodeOptions,
    Hypothesis,
    OnlineRecognizer,
    PolicyConfig,
    SpeechRequest,
    UtteranceOverflowError,
    Word,
)
from models.asr.engine import DEFAULT_OPTIONS
from models.audio.samples import FloatArray
from tests.unit.models.synthetic_audio import babble, silence


class CountingEngine:
    """Hears one word per half second: its number."""

    def __init__(self) -> None:
        self.decoded: list[FloatArray] = []
        self.requests: list[SpeechRequest] = []

    @property
    def name(self) -> str:
        """Return a name."""
        return "counting-1"

    @property
    def max_segment_ms(self) -> int:
        """Return no limit."""
        return 0

    @property
    def max_samples(self) -> int:
        """Return ten seconds."""
        return 160_000

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return the numbers."""
        self.decoded.append(samples)
        words = tuple(
            Word(text=str(n), start_ms=500 * n, end_ms=500 * n + 400, confidence=1.0)
            for n in range(len(samples) // 8_000)
        )
        text = " ".join(word.text for word in words)
        duration_ms = len(samples) // 16
        language = options.language or "en"
        return Hypothesis(
            text=text,
            words=words,
            duration_ms=duration_ms,
            language=language,
            tokens=tuple(range(len(words))),
        )

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return each alone."""
        self.requests.extend(requests)
        return [self.transcribe(request.samples, request.options) for request in requests]


@pytest.fixture
def recognizer() -> OnlineRecognizer:
    return OnlineRecognizer(CountingEngine())


def test_partials_are_committed_as_audio_comes(recognizer: OnlineRecognizer) -> None:
    recognizer.insert(babble(1_000))
    recognizer.process()
    recognizer.insert(babble(600))

    partial = recognizer.process()

    assert [word.text for word in partial.committed] == ["0", "1"]
    assert [word.text for word in partial.tentative] == ["2"]
    assert partial.decoded_ms == recognizer.audio_ms == 1_600


def test_the_final_is_one_fresh_decode_of_all_the_audio() -> None:
    engine = CountingEngine()
    recognizer = OnlineRecognizer(engine)
    chunks = [babble(700, seed=seed) for seed in range(3)]
    for chunk in chunks:
        recognizer.insert(chunk)
        recognizer.process()

    final = recognizer.finish()

    assert np.array_equal(engine.decoded[-1], np.concatenate(chunks))
    assert final.hypothesis == engine.transcribe(np.concatenate(chunks))


def test_the_next_utterance_knows_nothing_of_the_last(recognizer: OnlineRecognizer) -> None:
    recognizer.insert(babble(1_000))
    recognizer.process()
    recognizer.finish()

    recognizer.insert(babble(1_000))

    assert recognizer.process().committed == ()


def test_words_over_silence_are_not_believed(recognizer: OnlineRecognizer) -> None:
    recognizer.insert(silence(2_000))

    assert recognizer.process().words == ()
    assert recognizer.finish().rejected_reason == "quiet"


def test_an_utterance_is_bounded(recognizer: OnlineRecognizer) -> None:
    recognizer.insert(silence(10_000))

    with pytest.raises(UtteranceOverflowError, match="10 s"):
        recognizer.insert(silence(20))


def test_nothing_heard_is_an_empty_final(recognizer: OnlineRecognizer) -> None:
    assert recognizer.finish().hypothesis == Hypothesis()


def test_a_partial_verifies_the_one_before_and_the_final_owes_it_nothing() -> None:
    engine = CountingEngine()
    recognizer = OnlineRecognizer(engine)
    for _ in range(2):
        recognizer.insert(babble(1_000))
        recognizer.process()
    recognizer.finish()
    recognizer.insert(babble(1_000))
    recognizer.process()

    asked = [(request.draft, request.is_exact) for request in engine.requests]
    assert asked == [((), False), ((0, 1), False), ((), True), ((), False)]


def test_the_policy_decides_when_words_are_committed() -> None:
    guided = PolicyConfig(name="attention_guided", guard_ms=300)
    recognizer = OnlineRecognizer(CountingEngine(), policy=guided)

    recognizer.insert(babble(1_000))

    assert [word.text for word in recognizer.process().committed] == ["0"]


def test_a_policy_without_partials_decodes_nothing_before_the_final() -> None:
    engine = CountingEngine()
    recognizer = OnlineRecognizer(engine, policy=PolicyConfig(name="utterance_only"))
    recognizer.insert(babble(1_000))

    assert recognizer.process().words == ()
    assert engine.decoded == []
    assert len(recognizer.finish().hypothesis.words) == 2

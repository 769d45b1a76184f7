"""What is not believed, and why."""

import numpy as np
import pytest

from models.asr.guards import (
    DEFAULT_GUARDS,
    apply_guards,
    cut_loops,
    peak_level_db,
)
from models.asr.hypothesis import Hypothesis, Word, compression_ratio
from models.audio.samples import FloatArray
from tests.unit.models.synthetic_audio import babble, noise, silence, tones


def heard(text: str, **fields: float) -> Hypothesis:
    words = tuple(
        Word(text=word, start_ms=100 * n, end_ms=100 * n + 80, confidence=0.9)
        for n, word in enumerate(text.split())
    )
    return Hypothesis(
        text=text,
        words=words,
        avg_log_probability=fields.get("log_probability", -0.3),
        no_speech_probability=fields.get("no_speech", 0.0),
        compression_ratio=compression_ratio(text),
    )


def test_probable_words_over_speech_stand() -> None:
    hypothesis = heard("my order has not arrived")

    guarded = apply_guards(hypothesis, babble(2_000), DEFAULT_GUARDS)

    assert guarded.hypothesis is hypothesis
    assert guarded.rejected_reason is None


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (silence(1_000), "quiet"),
        (noise(1_000, level=0.0003), "quiet"),
        (tones(1_000, 941, 1_336), "dtmf"),
        (np.concatenate((silence(500), tones(100, 697, 1_209), silence(500))), "dtmf"),
    ],
)
def test_words_over_silence_and_keys_are_rejected(samples: FloatArray, reason: str) -> None:
    guarded = apply_guards(heard("thank you for watching"), samples, DEFAULT_GUARDS)

    assert guarded.rejected_reason == reason
    assert guarded.hypothesis.words == ()
    assert guarded.hypothesis.text == ""


@pytest.mark.parametrize(
    ("hypothesis", "reason"),
    [
        (heard("you", no_speech=0.8, log_probability=-1.2), "no_speech"),
        (heard("you", no_speech=0.8, log_probability=-0.4), None),
        (heard("you", no_speech=0.99, log_probability=-0.1), "no_speech"),
        (heard("guess", log_probability=-3.5), "improbable"),
        (heard(" ".join(f"number {n % 2} of the list and" for n in range(40))), "repetitive"),
    ],
)
def test_improbable_and_repetitive_words_are_rejected(
    hypothesis: Hypothesis, reason: str | None
) -> None:
    guarded = apply_guards(hypothesis, babble(2_000), DEFAULT_GUARDS)

    assert guarded.rejected_reason == reason


def test_nothing_heard_is_nothing_rejected() -> None:
    guarded = apply_guards(Hypothesis(), silence(1_000), DEFAULT_GUARDS)

    assert guarded.rejected_reason is None


def test_a_loop_is_cut_to_one_round_and_the_rest_stands() -> None:
    looping = heard("I see. " + "thank you. " * 30 + "Bye.")

    guarded = apply_guards(looping, babble(3_000), DEFAULT_GUARDS)

    assert guarded.rejected_reason is None
    assert guarded.hypothesis.text == "I see. thank you. Bye."
    assert [word.text for word in guarded.hypothesis.words][:4] == ["I", "see.", "thank", "you."]
    assert guarded.hypothesis.compression_ratio == compression_ratio("I see. thank you. Bye.")


@pytest.mark.parametrize("text", ["no no no no", "zero " * 7 + "one", "bye bye bye", ""])
def test_what_people_repeat_is_kept(text: str) -> None:
    hypothesis = heard(text)

    assert cut_loops(hypothesis, 8) is hypothesis


def test_levels_are_relative_to_full_scale() -> None:
    assert peak_level_db(tones(500, 1_000, level=1.0)) == pytest.approx(-3.0, abs=0.1)
    assert peak_level_db(silence(500)) == -np.inf
    assert peak_level_db(silence(0)) == -np.inf

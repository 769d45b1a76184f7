"""What is not believed, and why."""

import msgspec
import numpy as np
import pytest

from models.asr.core.confidence import ConfidenceCurve, calibrated_no_speech
from models.asr.core.hypothesis import Hypothesis, Word, compression_ratio
from models.asr.guards import DEFAULT_GUARDS, apply_guards, distinct_trigrams, peak_level_db
from models.audio.samples import FloatArray
from tests.support.models.synthetic_audio import babble, fax, noise, silence, tones


def heard(text: str, **fields: float) -> Hypothesis:
    words = tuple(
        Word(text=word, start_ms=100 * n, end_ms=100 * n + 80, confidence=0.9)
        for n, word in enumerate(text.split())
    )
    return Hypothesis(
        text=text,
        words=words,
        duration_ms=int(fields.get("duration_ms", 20_000)),
        avg_log_probability=fields.get("log_probability", -0.3),
        no_speech_probability=fields.get("no_speech", 0.0),
        compression_ratio=compression_ratio(text),
    )


def test_fast_speech_in_a_language_without_spaces_stands() -> None:
    """Its words are single characters, of which a second of speech has more than ten."""
    text = "请稍等我马上帮您查一下这个订单好吗"
    hypothesis = msgspec.structs.replace(heard(" ".join(text), duration_ms=1_300), language="zh")

    assert apply_guards(hypothesis, babble(1_300), DEFAULT_GUARDS).rejected_reason is None
    hurried = msgspec.structs.replace(hypothesis, duration_ms=200)
    assert apply_guards(hurried, babble(200), DEFAULT_GUARDS).rejected_reason == "too_fast"


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
        (tones(1_000, 440, 480), "tone"),
        (fax(1_000), "tone"),
        (np.concatenate((tones(500, 480, 620), silence(500), tones(500, 480, 620))), "tone"),
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
        (heard("guess", log_probability=-2.1), "improbable"),
        (heard("mumbled guess", log_probability=-1.9), None),
        (heard("one two three", duration_ms=100), None),
        (
            heard("this is far more than anybody says in a breath", duration_ms=500),
            "too_fast",
        ),
        (heard("Thank you.", no_speech=0.65, log_probability=-0.7, duration_ms=700), "no_speech"),
        (heard("Thank you.", no_speech=0.1, log_probability=-0.7, duration_ms=700), None),
        (heard("Thank you.", no_speech=0.65, log_probability=-0.4, duration_ms=700), None),
        (heard("Thank you.", no_speech=0.65, log_probability=-0.7, duration_ms=3_000), None),
        (heard("Make one!", no_speech=0.58, log_probability=-0.9, duration_ms=1_400), "no_speech"),
        (heard("Savings account.", no_speech=0.58, log_probability=-0.7, duration_ms=900), None),
        (heard(". - !"), "no_speech"),
        (heard("half-and-a-half-an-a-half-an-"), "repetitive"),
        (heard("and so it goes on here now", duration_ms=1_000), None),
        (heard(" ".join(f"number {n % 2} of the list and" for n in range(20))), "repetitive"),
    ],
)
def test_improbable_and_repetitive_words_are_rejected(
    hypothesis: Hypothesis, reason: str | None
) -> None:
    guarded = apply_guards(hypothesis, babble(2_000), DEFAULT_GUARDS)

    assert guarded.rejected_reason == reason


# Fitted on the first adapted weights, which give gusts a probability of no speech of 0.02 to 0.06.
_ADAPTED = ConfidenceCurve(slope=8.6659, intercept=-16.7676, utterance_slope=16.2367)


@pytest.mark.parametrize(
    ("text", "no_speech", "log_probability", "reason"),
    [
        ("Four.", 0.026, -1.12, "no_speech"),  # gusts
        ("Four.", 0.057, -1.43, "no_speech"),
        ("You", 0.115, -1.9, "no_speech"),  # bells
        ("Four.", 0.005, -0.1, None),  # a caller
        ("Thank you.", 0.024, -0.6, None),
        ("Bye.", 0.01, -0.7, None),
    ],
)
def test_a_calibrated_probability_tells_a_caller_from_gusts(
    text: str, no_speech: float, log_probability: float, reason: str | None
) -> None:
    """The limits are the same for all weights; without the curve all six would stand."""
    calibrated = calibrated_no_speech(no_speech, _ADAPTED, log_probability)

    raw, judged = (
        apply_guards(
            heard(text, no_speech=each, log_probability=log_probability, duration_ms=500),
            babble(500),
            DEFAULT_GUARDS,
        )
        for each in (no_speech, calibrated)
    )

    assert raw.rejected_reason is None
    assert judged.rejected_reason == reason


@pytest.mark.parametrize(
    ("peak", "log_probability", "words", "duration_ms", "reason"),
    [
        (0.91, -0.5, "Right.", 900, "no_speech"),
        (0.91, -0.4, "Right.", 900, None),
        (0.93, -0.5, "Right.", 900, None),
        (0.91, -0.5, "Right. That is all.", 900, None),
        (0.91, -0.5, "Right.", 2_100, None),
    ],
)
def test_a_few_doubtful_words_need_a_moment_that_is_surely_speech(
    monkeypatch: pytest.MonkeyPatch,
    peak: float,
    log_probability: float,
    words: str,
    duration_ms: int,
    reason: str | None,
) -> None:
    """Music passes voice activity detection now and then."""
    monkeypatch.setattr("models.asr.guards.speech_peak", lambda _: peak)
    hypothesis = heard(words, log_probability=log_probability, duration_ms=duration_ms)

    assert apply_guards(hypothesis, babble(duration_ms), DEFAULT_GUARDS).rejected_reason == reason


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


def test_levels_are_relative_to_full_scale() -> None:
    assert peak_level_db(tones(500, 1_000, level=1.0)) == pytest.approx(-3.0, abs=0.1)
    assert peak_level_db(silence(500)) == -np.inf
    assert peak_level_db(silence(0)) == -np.inf


def test_digits_being_dictated_are_never_repetitive() -> None:
    """Sixty-four digits compress by 2.7; the ratio was once a guard."""
    spelled = "zero one two three four five six seven eight nine".split()
    digits = np.random.default_rng(5).integers(0, 10, 64)
    dictated = heard(" ".join(spelled[digit] for digit in digits))

    assert dictated.compression_ratio > 2.4
    assert distinct_trigrams(dictated.words) > 0.8
    assert apply_guards(dictated, babble(2_000), DEFAULT_GUARDS).rejected_reason is None


def test_few_words_tell_nothing_about_repetition() -> None:
    assert distinct_trigrams(heard("no no no no no no no").words) == 1.0

"""Confidences on their curve."""

import pytest

from models.asr.core.confidence import IDENTITY, ConfidenceCurve, calibrated_words
from models.asr.core.hypothesis import Word


def word(confidence: float) -> Word:
    return Word(text="word", start_ms=0, end_ms=100, confidence=confidence)


@pytest.mark.parametrize("probability", [0.001, 0.3, 0.5, 0.999])
def test_without_calibration_nothing_changes(probability: float) -> None:
    assert IDENTITY(probability, -1.5) == pytest.approx(probability)
    assert calibrated_words([word(probability)], IDENTITY, -1.5) == (word(probability),)


def test_an_intercept_moves_and_a_slope_flattens() -> None:
    assert ConfidenceCurve(intercept=-1.0)(0.5) == pytest.approx(0.2689, abs=1e-4)
    assert ConfidenceCurve(slope=0.5)(0.9) == pytest.approx(0.75)


def test_a_word_of_a_hard_utterance_is_trusted_less() -> None:
    curve = ConfidenceCurve(utterance_slope=1.0)
    hard, easy = (calibrated_words([word(0.8)], curve, nats)[0] for nats in (-1.2, -0.2))

    assert hard.confidence < easy.confidence < 0.8
    assert (easy.text, easy.end_ms) == ("word", 100)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_certainty_stays_a_probability(probability: float) -> None:
    calibrated = ConfidenceCurve(slope=3.0, intercept=2.0)(probability)

    assert calibrated == pytest.approx(probability, abs=1e-3)
    assert 0 <= calibrated <= 1


@pytest.mark.parametrize(
    ("slope", "intercept", "utterance_slope"),
    [(0.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (float("nan"), 0.0, 0.0), (1.0, 0.0, -0.5)],
)
def test_a_curve_keeps_the_order_of_words(
    slope: float, intercept: float, utterance_slope: float
) -> None:
    with pytest.raises(ValueError, match="slope must exceed 0"):
        ConfidenceCurve(slope=slope, intercept=intercept, utterance_slope=utterance_slope)

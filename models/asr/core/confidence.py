"""Calibrated confidences: of the words given 0.8, four in five are right.

A network's own token probabilities are not calibrated; how far they are off depends on the
weights, so the curve is in their manifest.
"""

from collections.abc import Sequence

import msgspec

from models.asr.core.hypothesis import Word
from models.log_odds import ConfidenceLine, expit, logit


class ConfidenceCurve(ConfidenceLine, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line for the words of an utterance, the lower the harder the utterance is as a whole.

    A word deserves less trust in an utterance that the network found hard: with that term one
    curve fits easy and hard speech, without it none did.

    Attributes:
        utterance_slope: Added for each nat of the utterance's mean log-probability; not negative.
    """

    utterance_slope: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a curve that would turn the order round."""
        super().__post_init__()
        if self.utterance_slope < 0:
            raise ValueError(f"{self}: slope must exceed 0, utterance_slope must not be negative")

    def __call__(self, probability: float, avg_log_probability: float = 0.0) -> float:
        """Return the calibrated probability of a word, 0 to 1.

        Args:
            probability: Of the word's tokens, by the network.
            avg_log_probability: Of the utterance; see Hypothesis.
        """
        utterance = self.utterance_slope * avg_log_probability
        return expit(self.slope * logit(probability) + utterance + self.intercept)


IDENTITY = ConfidenceCurve()


def calibrated_words(
    words: Sequence[Word], curve: ConfidenceCurve, avg_log_probability: float = 0.0
) -> tuple[Word, ...]:
    """Return the words of a hypothesis with their confidences on the curve.

    Args:
        words: With the network's own probabilities.
        curve: Of the weights.
        avg_log_probability: Of the same hypothesis.
    """
    if curve == IDENTITY:
        return tuple(words)
    return tuple(
        msgspec.structs.replace(word, confidence=curve(word.confidence, avg_log_probability))
        for word in words
    )


def calibrated_no_speech(
    probability: float, curve: ConfidenceCurve, avg_log_probability: float
) -> float:
    """Return the probability that nobody speaks, by the curve of its opposite.

    Args:
        probability: By the network.
        curve: Of the probability of speech, for these weights.
        avg_log_probability: Of the hypothesis: improbable words make speech less likely.
    """
    if curve == IDENTITY:
        return probability
    return 1 - curve(1 - probability, avg_log_probability)

"""Probabilities and their log odds, in which calibration is a line."""

import math

import msgspec

EDGE = 1e-6  # a probability of 0 or 1 has no logit


def logit(probability: float) -> float:
    """Return the log odds of a probability; finite at 0 and 1."""
    inside = min(max(probability, EDGE), 1 - EDGE)
    return math.log(inside / (1 - inside))


def expit(log_odds: float) -> float:
    """Return the probability of log odds."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1 + odds)


class ConfidenceLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A map of probabilities that keeps their order: a line between their log odds.

    Attributes:
        slope: Positive; below 1 for an overconfident model.
        intercept: Added to the log odds.

    Source: Platt 1999.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a line that would turn the order round."""
        is_finite = all(map(math.isfinite, msgspec.structs.astuple(self)))
        if not (is_finite and self.slope > 0):
            raise ValueError(f"{self}: the slope must exceed 0, and all must be finite")

    def __call__(self, probability: float) -> float:
        """Return the calibrated probability, 0 to 1."""
        return expit(self.slope * logit(probability) + self.intercept)

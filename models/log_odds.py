"""Probabilities and their log odds, in which calibration is a line."""

import math

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

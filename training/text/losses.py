"""Cross-entropy in NumPy, and the temperature of the least."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_TEMPERATURE = 20.0
_ROUNDS = 50  # each narrows the search to 0.618 of its width
_GOLDEN = (sqrt(5.0) - 1.0) / 2.0


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative log-probability of the right labels.

    Args:
        logits: Shape (texts, 2).
        labels: Index of the right label, shape (texts,).
    """
    highest = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0]
    return float(np.mean(total - logits[np.arange(len(labels)), labels]))


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature of the least cross-entropy, between 1/20 and 20."""
    return least_temperature(lambda temperature: cross_entropy(logits / temperature, labels))


def least_temperature(loss: Callable[[float], float]) -> float:
    """Return the temperature of the least loss, between 1/20 and 20.

    Args:
        loss: Of logits divided by a temperature; has one minimum over the temperature's logarithm,
            which is found by golden-section search.
    """
    low, high = -log(_MAX_TEMPERATURE), log(_MAX_TEMPERATURE)
    for _ in range(_ROUNDS):
        lower, upper = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(exp(lower)) < loss(exp(upper)):
            high = upper
        else:
            low = lower
    return exp((low + high) / 2.0)

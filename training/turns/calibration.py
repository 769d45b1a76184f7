"""Probabilities that mean what they say."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import TYPE_CHECKING

import torch

from training.turns.evaluation.measures import cross_entropy
from training.turns.material import all_logits

if TYPE_CHECKING:
    import numpy as np

    from training.turns.classifier import TurnClassifier
    from training.turns.material import Material

_BATCH = 256
_HOTTEST = 20.0
_ROUNDS = 50  # each narrows the search to 0.618 of its width
_GOLDEN = (sqrt(5.0) - 1.0) / 2.0


def calibrate(model: TurnClassifier, material: Material) -> float:
    """Divide a model's logits by the temperature that fits best, and return it.

    The last layer's weights take the division in; no judgement at one half changes.

    Args:
        model: Whose last layer is changed.
        material: Labelled texts that it did not learn from.

    Source: Guo et al. 2017, arXiv:1706.04599, temperature scaling.
    """
    logits = all_logits(model, material, _BATCH)
    temperature = round(best_temperature(logits, material.labels.numpy()), 4)
    with torch.no_grad():
        model.classifier.weight.div_(temperature)
        model.classifier.bias.div_(temperature)
    return temperature


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return what to divide logits by so that their cross-entropy is least, between 1/20 and 20.

    It has one minimum over the logarithm of the temperature, which golden sections close in on.
    """
    low, high = -log(_HOTTEST), log(_HOTTEST)
    for _ in range(_ROUNDS):
        lower, upper = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if cross_entropy(logits / exp(lower), labels) < cross_entropy(logits / exp(upper), labels):
            high = upper
        else:
            low = lower
    return exp((low + high) / 2.0)

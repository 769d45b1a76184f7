"""Temperature scaling of a model's logits."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import TYPE_CHECKING

import torch

from training.turns.learning.losses import cross_entropy
from training.turns.learning.model_inputs import all_logits

if TYPE_CHECKING:
    import numpy as np

    from training.turns.learning.classifier import TurnClassifier
    from training.turns.learning.model_inputs import LabelledTexts

_BATCH = 256
_MAX_TEMPERATURE = 20.0
_ROUNDS = 50  # each narrows the search to 0.618 of its width
_GOLDEN = (sqrt(5.0) - 1.0) / 2.0


def calibrate(model: TurnClassifier, texts: LabelledTexts) -> float:
    """Divide a model's logits by the temperature that fits best, and return it.

    The division goes into the last layer's weights; no judgement at one half changes.

    Args:
        model: Whose last layer is changed.
        texts: Labelled texts that it did not learn from.

    Source: Guo et al. 2017, arXiv:1706.04599, temperature scaling.
    """
    logits = all_logits(model, texts, _BATCH)
    temperature = round(best_temperature(logits, texts.labels.numpy()), 4)
    with torch.no_grad():
        model.classifier.weight.div_(temperature)
        model.classifier.bias.div_(temperature)
    return temperature


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature of the least cross-entropy, between 1/20 and 20.

    The cross-entropy has one minimum over the logarithm of the temperature, found by golden-section
    search.
    """
    low, high = -log(_MAX_TEMPERATURE), log(_MAX_TEMPERATURE)
    for _ in range(_ROUNDS):
        lower, upper = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if cross_entropy(logits / exp(lower), labels) < cross_entropy(logits / exp(upper), labels):
            high = upper
        else:
            low = lower
    return exp((low + high) / 2.0)

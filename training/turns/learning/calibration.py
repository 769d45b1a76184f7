"""Temperature scaling of a model's logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from training.text.losses import best_temperature
from training.turns.learning.model_inputs import all_logits

if TYPE_CHECKING:
    from training.turns.learning.classifier import TurnClassifier
    from training.turns.learning.model_inputs import LabelledTexts

_BATCH = 256


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

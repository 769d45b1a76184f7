"""The layer that reads what each turn shows while an adapter learns; no adapter keeps it.

Source: supervision of hidden layers, Lee et al. 2015, "Deeply-Supervised Nets", arXiv:1409.5185.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from models.analytics.guide import load_guide
from training.analytics.learning.turn_marks import labels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.rows import Row

_RARE = -4.0  # logit that a label begins with: a turn shows few of them
_IS_SHOWN = 0.0  # logit from which one counts as read


class Reading(NamedTuple):
    """What was read from the turns of some rows.

    Attributes:
        logits: Of each turn and label.
        shows: 1 where a turn shows what the label names.
        weight: Of the loss beside that of the answer.
    """

    logits: Tensor
    shows: Tensor
    weight: float

    def loss(self) -> Tensor:
        """Return the weighted cross-entropy of all labels of a turn, in the mean over the turns."""
        losses = functional.binary_cross_entropy_with_logits(
            self.logits, self.shows, reduction="none"
        )
        return self.weight * (losses.sum(-1).mean() if len(losses) else losses.sum())

    def counts(self) -> tuple[int, int, int]:
        """Return how many labels are shown, are read, and are both."""
        is_read, is_shown = self.logits > _IS_SHOWN, self.shows > 0
        return int(is_shown.sum()), int(is_read.sum()), int((is_read & is_shown).sum())


class TurnReader(nn.Module):
    """A linear layer from the state at the number of a turn to what the turn shows.

    Args:
        size: Of a state.
        labels: How many there are.
        share: What its loss counts beside that of the answer.
    """

    def __init__(self, size: int, labels: int, share: float) -> None:
        super().__init__()
        self._share = share
        self.weight = nn.Parameter(torch.zeros(labels, size))
        self.bias = nn.Parameter(torch.full((labels,), _RARE))

    def read(self, states: Tensor, rows: Sequence[Row]) -> Reading:
        """Return what the turns of rows show, by their states, shape (rows, width, size)."""
        places = [(index, turn) for index, row in enumerate(rows) for turn in row.turns]
        at = torch.tensor(places, dtype=torch.long, device=states.device).reshape(-1, 2)
        chosen = states[at[:, 0], at[:, 1]]
        shows = torch.zeros((len(places), len(self.bias)), device=states.device)
        every = [labels for row in rows for labels in row.shows]
        for index, labels in enumerate(every):
            shows[index, list(labels)] = 1.0
        normed = functional.rms_norm(chosen, (chosen.shape[-1],))
        return Reading(functional.linear(normed, self.weight, self.bias), shows, self._share)


def turn_reader(recipe: AnalyticsRecipe, size: int, device: torch.device) -> TurnReader | None:
    """Return the layer for states of a size; None where the recipe does not learn what turns show.

    Raises:
        ConfigurationError: The recipe's guide cannot be used.
    """
    share = recipe.learning.turn_weight
    if not share:
        return None
    labels = labels_of(load_guide(recipe.guide))
    return TurnReader(size, len(labels), share).to(device)

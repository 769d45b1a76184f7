"""The combined loss of all tasks, in which a row counts for the tasks that it has labels for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.classification.decoding import TaskColumns

ABSENT = -1.0  # throughout the columns of a task that a row has no label for
MAX_CLASS_WEIGHT = 10.0


def combined_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    tasks: Sequence[TaskColumns],
    *,
    weights: torch.Tensor | None = None,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Return the sum over the tasks of the mean loss of the rows that have labels for them.

    Args:
        logits: Shape (rows, labels).
        labels: 1 where a label holds, 0 where not, -1 throughout a task without labels.
        tasks: The columns of each.
        weights: Of the labels, shape (labels,); None for 1 each.
        smoothing: Probability that a ``single`` task moves from the right label to all.
    """
    total = logits.sum() * 0.0  # a batch without any label has a gradient of 0
    for task in tasks:
        wanted = labels[:, task.start : task.stop]
        has_labels = wanted[:, 0] != ABSENT
        if not bool(has_labels.any()):
            continue
        given = logits[has_labels, task.start : task.stop]
        wanted = wanted[has_labels]
        weight = None if weights is None else weights[task.start : task.stop]
        if task.mode == "multi":
            total = total + functional.binary_cross_entropy_with_logits(
                given, wanted, pos_weight=weight
            )
        else:
            total = total + _cross_entropy(given, wanted, weight, smoothing)
    return total


def class_weights(
    labels: torch.Tensor, tasks: Sequence[TaskColumns], power: float
) -> torch.Tensor | None:
    """Return a weight for each label: the rarer, the heavier.

    Args:
        labels: Of all training rows, as `combined_loss` takes them.
        tasks: The columns of each.
        power: 0 gives None (all alike); 1 gives every label of a ``single`` task the same part of
            the loss, and the labels of a ``multi`` task as much as their absence; 0.5 is between.

    Returns:
        Shape (labels,), at most 10; of a ``single`` task 1 on average over the rows.
    """
    if not power:
        return None
    weights = torch.ones(labels.shape[1])
    for task in tasks:
        wanted = labels[:, task.start : task.stop]
        wanted = wanted[wanted[:, 0] != ABSENT]
        if not len(wanted):
            continue
        counts = wanted.sum(dim=0)
        held = counts.clamp(min=1.0)
        if task.mode == "multi":
            weight = ((len(wanted) - counts) / held).clamp(min=1.0) ** power
        else:
            weight = (counts.sum() / held) ** power
            weight = weight / ((weight * counts).sum() / counts.sum())
        weights[task.start : task.stop] = weight.clamp(max=MAX_CLASS_WEIGHT)
    return weights


def _cross_entropy(
    logits: torch.Tensor, wanted: torch.Tensor, weight: torch.Tensor | None, smoothing: float
) -> torch.Tensor:
    """Return the mean cross-entropy; a row with several labels shares itself among them."""
    target = wanted / wanted.sum(dim=1, keepdim=True).clamp(min=1.0)
    row_weights = torch.ones(len(target), device=logits.device)
    if weight is not None:
        row_weights = (target * weight).sum(dim=1)
    target = target * (1.0 - smoothing) + smoothing / target.shape[1]
    losses = -(target * functional.log_softmax(logits, dim=1)).sum(dim=1)
    return (losses * row_weights).sum() / row_weights.sum()

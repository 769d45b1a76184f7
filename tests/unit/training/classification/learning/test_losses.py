from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from models.classification.decoding import TaskColumns
from training.classification.learning.losses import (
    ABSENT,
    MAX_CLASS_WEIGHT,
    class_weights,
    combined_loss,
)

ONE = TaskColumns("one", "single", 0, 3)
MANY = TaskColumns("many", "multi", 3, 5)
LOGITS = torch.tensor([[2.0, 0.5, -1.0, 0.3, -0.7], [0.1, 1.5, 0.0, -2.0, 4.0]])


def test_a_row_counts_only_for_the_tasks_that_it_has_labels_for() -> None:
    """What is masked changes neither the loss nor the gradient."""
    labels = torch.tensor([[1.0, 0, 0, ABSENT, ABSENT], [ABSENT, ABSENT, ABSENT, 0, 1.0]])
    logits = LOGITS.clone().requires_grad_()

    loss = combined_loss(logits, labels, [ONE, MANY])
    loss.backward()  # type: ignore[no-untyped-call]

    expected = functional.cross_entropy(LOGITS[:1, :3], torch.tensor([0]))
    expected = expected + functional.binary_cross_entropy_with_logits(
        LOGITS[1:, 3:], torch.tensor([[0.0, 1.0]])
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert logits.grad is not None
    assert torch.equal(logits.grad[0, 3:], torch.zeros(2))
    assert torch.equal(logits.grad[1, :3], torch.zeros(3))
    assert bool((logits.grad[0, :3] != 0).all())


def test_a_batch_without_any_label_moves_nothing() -> None:
    logits = LOGITS.clone().requires_grad_()

    loss = combined_loss(logits, torch.full((2, 5), ABSENT), [ONE, MANY])
    loss.backward()  # type: ignore[no-untyped-call]

    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_a_task_with_one_label_a_row_weights_and_smooths_as_torch_does() -> None:
    labels = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    weights = torch.tensor([1.0, 2.0, 5.0])

    plain = combined_loss(LOGITS[:, :3], labels, [ONE], smoothing=0.1)
    weighted = combined_loss(LOGITS[:, :3], labels, [ONE], weights=weights)

    target = torch.tensor([0, 2])
    smooth = functional.cross_entropy(LOGITS[:, :3], target, label_smoothing=0.1)
    heavy = functional.cross_entropy(LOGITS[:, :3], target, weight=weights)
    assert plain.item() == pytest.approx(smooth.item(), rel=1e-6)
    assert weighted.item() == pytest.approx(heavy.item(), rel=1e-6)


def test_rare_labels_weigh_more_and_none_without_bounds() -> None:
    labels = torch.zeros(1000, 5)
    labels[:, 0] = 1
    labels[:100, 0], labels[:100, 1] = 0, 1
    labels[0, 1], labels[0, 2] = 0, 1
    labels[:250, 3] = 1

    full = class_weights(labels, [ONE, MANY], 1.0)
    half = class_weights(labels, [ONE, MANY], 0.5)

    assert class_weights(labels, [ONE, MANY], 0.0) is None
    assert full is not None
    assert half is not None
    assert full[0] < full[1] < full[2] <= MAX_CLASS_WEIGHT
    assert full[1] / full[0] == pytest.approx(900 / 99)
    assert half[1] / half[0] == pytest.approx((900 / 99) ** 0.5)
    assert full[3] == pytest.approx(3.0)  # three rows without it for one with it
    assert full[4] == MAX_CLASS_WEIGHT

"""The helper losses."""

from __future__ import annotations

import math

import pytest
import torch

from training.asr.whisper.losses import IGNORED, ctc_loss, guided_attention_loss, phone_loss

SPANS = torch.tensor([[[0, 0], [2, 4]]])


def _attention(frames: list[int]) -> torch.Tensor:
    """One batch, two heads, two tokens, six frames; the second token attends to ``frames``."""
    attention = torch.full((1, 2, 2, 6), 1 / 6)
    attention[0, :, 1] = 0.0
    attention[0, :, 1, frames] = 1.0 / len(frames)
    return attention


def test_attention_inside_the_span_costs_nothing() -> None:
    """All mass on the word's frames is the aim."""
    loss = guided_attention_loss(_attention([2, 3]), SPANS, 2)

    assert loss.item() == pytest.approx(0.0)


def test_half_the_mass_outside_costs_log_two() -> None:
    """The loss is minus the logarithm of the mass inside; tokens without a span do not count."""
    loss = guided_attention_loss(_attention([1, 2]), SPANS, 2)

    assert loss.item() == pytest.approx(math.log(2))


def test_only_the_first_heads_are_guided() -> None:
    """The others stay free to look elsewhere."""
    attention = _attention([2, 3])
    attention[0, 1, 1] = torch.tensor([1.0, 0, 0, 0, 0, 0])

    assert guided_attention_loss(attention, SPANS, 1).item() == pytest.approx(0.0)
    assert guided_attention_loss(attention, SPANS, 2).item() > 1.0


def test_real_speech_without_times_costs_nothing_and_keeps_the_graph() -> None:
    """A batch with no spans, phones or characters must still be differentiable."""
    attention = _attention([2]).requires_grad_()
    logits = torch.zeros(1, 6, 4, requires_grad=True)
    nothing = torch.full((1, 6), IGNORED)

    total = guided_attention_loss(attention, torch.zeros_like(SPANS), 2)
    total = total + phone_loss(logits, nothing)
    total = total + ctc_loss(logits, torch.zeros(1, 1, dtype=torch.long), torch.tensor([0]))
    total.backward()  # type: ignore[no-untyped-call]

    assert total.item() == 0.0
    assert logits.grad is not None


def test_ctc_prefers_the_right_characters() -> None:
    """The blank is class 0, and the right sequence costs less than a wrong one."""
    logits = torch.full((1, 4, 3), -8.0)
    for frame, label in enumerate((1, 0, 2, 0)):
        logits[0, frame, label] = 8.0

    right = ctc_loss(logits, torch.tensor([[1, 2]]), torch.tensor([2]))
    wrong = ctc_loss(logits, torch.tensor([[2, 1]]), torch.tensor([2]))

    assert right.item() < 0.01 < wrong.item()

"""Whether a candidate becomes a version: better on the frozen validation set, and harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

AVERAGE = "eval_avg_acc"  # by which classification models are compared


class Measured(NamedTuple):
    """What a model reaches.

    Attributes:
        metrics: Flat figures; those of the frozen validation set begin with ``eval``.
        targets: Figures that have targets of their own, on the frozen validation set, by name.
    """

    metrics: Mapping[str, float]
    targets: Mapping[str, float]


class Decision(NamedTuple):
    """Whether a candidate is kept, and why."""

    is_kept: bool
    reason: str


def decide(
    candidate: Measured,
    champion: Measured | None,
    largest_loss: float,
    score: str = AVERAGE,
) -> Decision:
    """Return whether a candidate is kept.

    Args:
        candidate: On the frozen validation set.
        champion: On the same; None where there is none, and every candidate is better.
        largest_loss: By which a target may fall.
        score: Name of the figure that has to rise.
    """
    reached = candidate.metrics[score]
    if champion is None:
        return Decision(is_kept=True, reason=f"the first version: {score} {reached:.4f}")
    before = champion.metrics[score]
    if reached <= before:
        return Decision(is_kept=False, reason=f"{score} {reached:.4f} is not above {before:.4f}")
    for name, value in candidate.targets.items():
        known = champion.targets.get(name)
        if known is not None and value < known - largest_loss:
            reason = f"{name} fell from {known:.4f} to {value:.4f}, although {score} rose"
            return Decision(is_kept=False, reason=reason)
    return Decision(is_kept=True, reason=f"{score} {reached:.4f} is above {before:.4f}")

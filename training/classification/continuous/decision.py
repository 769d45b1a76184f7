"""Whether a candidate becomes a version: better on the frozen validation set, and harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

AVERAGE = "eval_avg_acc"


class Measured(NamedTuple):
    """What a model reaches.

    Attributes:
        metrics: Flat figures; those of the frozen validation set begin with ``eval``.
        targets: Figures of single labels on the frozen validation set, by name.
    """

    metrics: Mapping[str, float]
    targets: Mapping[str, float]


class Decision(NamedTuple):
    """Whether a candidate is kept, and why."""

    is_kept: bool
    reason: str


def decide(candidate: Measured, champion: Measured | None, largest_loss: float) -> Decision:
    """Return whether a candidate is kept.

    Args:
        candidate: On the frozen validation set.
        champion: On the same; None where there is none, and every candidate is better.
        largest_loss: By which a target may fall.
    """
    reached = candidate.metrics[AVERAGE]
    if champion is None:
        return Decision(is_kept=True, reason=f"the first version: {AVERAGE} {reached:.4f}")
    before = champion.metrics[AVERAGE]
    if reached <= before:
        return Decision(is_kept=False, reason=f"{AVERAGE} {reached:.4f} is not above {before:.4f}")
    for name, value in candidate.targets.items():
        known = champion.targets.get(name)
        if known is not None and value < known - largest_loss:
            reason = f"{name} fell from {known:.4f} to {value:.4f}, although {AVERAGE} rose"
            return Decision(is_kept=False, reason=reason)
    return Decision(is_kept=True, reason=f"{AVERAGE} {reached:.4f} is above {before:.4f}")

"""What is kept: only what is better where it counts, and harms no target."""

from __future__ import annotations

import pytest

from training.measuring.decision import Measured, decide

CHAMPION = Measured({"eval_avg_acc": 0.9, "test_avg_acc": 0.9}, {"recall of High": 0.96})


@pytest.mark.parametrize(
    ("average", "recall", "is_kept"),
    [
        (0.91, 0.96, True),
        (0.91, 0.95, True),
        (0.99, 0.94, False),
        (0.90, 0.99, False),
        (0.89, 0.99, False),
    ],
    ids=["better", "target within bounds", "target fell", "equal", "worse"],
)
def test_a_candidate_is_kept_if_it_is_better_and_harms_no_target(
    average: float, recall: float, *, is_kept: bool
) -> None:
    """The test set decides nothing, however well it goes there."""
    candidate = Measured(
        {"eval_avg_acc": average, "test_avg_acc": 1.0 - average}, {"recall of High": recall}
    )

    assert decide(candidate, CHAMPION, 0.015).is_kept == is_kept


def test_the_first_version_is_kept() -> None:
    assert decide(Measured({"eval_avg_acc": 0.1}, {}), None, 0.01).is_kept


def test_the_reason_says_both_figures() -> None:
    candidate = Measured({"eval_avg_acc": 0.95}, {"recall of High": 0.5})

    decision = decide(candidate, CHAMPION, 0.01)

    assert (
        decision.reason == "recall of High fell from 0.9600 to 0.5000, although eval_avg_acc rose"
    )

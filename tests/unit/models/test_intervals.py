from __future__ import annotations

import pytest

from models.intervals import wilson


@pytest.mark.parametrize(
    ("right", "examples", "expected"),
    [(8, 10, (0.4902, 0.9433)), (0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0))],
)
def test_the_interval_is_wilsons(right: int, examples: int, expected: tuple[float, float]) -> None:
    """Figures of the published formula; a perfect score is not certain."""
    bounds = wilson(right, examples)

    assert (bounds.low, bounds.high) == pytest.approx(expected, abs=1e-4)


def test_no_examples_say_nothing() -> None:
    """The share may lie anywhere."""
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)

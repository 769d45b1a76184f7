"""Two forms of a model agree where calls get the same labels of both."""

from __future__ import annotations

import numpy as np
import pytest

from models.classification.label_set import Label, LabelSet, Task
from training.classification.evaluation.calibration import Calibration
from training.classification.export.exporter import compare

LABELS = LabelSet(
    name="shop",
    version=1,
    title="A shop",
    tasks=(
        Task(
            "moods",
            "Moods",
            (Label("Angry", "Anger."), Label("Sad", "Grief.")),
            mode="multi",
            threshold=0.8,
            thresholds={"Sad": 0.3},
        ),
        Task("urgency", "Urgency", (Label("Low", "Waits."), Label("High", "Not.")), is_ranked=True),
    ),
)
CALIBRATION = Calibration(
    aggregation="mean",
    trials={},
    temperatures={"urgency": 2.0},
    errors={},
    overlap_tokens=0,
    eval_avg_acc=0.5,
    given_from={"urgency": {"High": 0.3}},
)


def logits(angry: float, sad: float, high: float) -> np.ndarray:
    """Return those of one window, by the probabilities of its labels."""
    angry, sad, high = (float(np.log(p / (1 - p))) for p in (angry, sad, high))
    return np.array([[angry, sad, 0.0, 2.0 * high]], np.float32)


@pytest.mark.parametrize(
    ("before", "after", "moods", "urgency"),
    [
        ((0.45, 0.1, 0.1), (0.75, 0.2, 0.25), 1.0, 1.0),
        ((0.75, 0.1, 0.1), (0.85, 0.1, 0.1), 0.0, 1.0),
        ((0.1, 0.25, 0.1), (0.1, 0.35, 0.1), 0.0, 1.0),
        ((0.1, 0.1, 0.25), (0.1, 0.1, 0.35), 1.0, 0.0),
        ((0.1, 0.1, 0.35), (0.1, 0.1, 0.9), 1.0, 1.0),
    ],
    ids=["no label", "threshold", "own threshold", "given from", "given anyhow"],
)
def test_labels_are_compared_as_they_are_decided(
    before: tuple[float, float, float],
    after: tuple[float, float, float],
    moods: float,
    urgency: float,
) -> None:
    """By the threshold of each label and what the calibration says, not at even chances."""
    found = compare(logits(*before), logits(*after), LABELS, CALIBRATION)

    assert found.label_agreement == {"moods": moods, "urgency": urgency}
    wanted = max(abs(one - other) for one, other in zip(before, after, strict=True))
    assert found.largest_difference == pytest.approx(wanted, abs=1e-6)


def test_without_windows_nothing_differs() -> None:
    found = compare(np.zeros((0, 4)), np.zeros((0, 4)), LABELS, CALIBRATION)

    assert (found.windows, found.label_agreement) == (0, {"moods": 1.0, "urgency": 1.0})
    assert found.largest_difference == 0.0

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.classification.decoding import (
    ReadLogits,
    TaskColumns,
    aggregated,
    columns_of,
    decide,
    probabilities_of,
)
from models.classification.label_set import load_label_set
from models.classification.readings import Reading
from training.classification.evaluation.calibration import (
    Calibration,
    calibrate,
    reaching,
    read_calibration,
    write_calibration,
)
from training.classification.learning.losses import ABSENT
from training.core.errors import MissingDataError
from training.measuring.reliability import calibration_error, reliability

if TYPE_CHECKING:
    from pathlib import Path

ONE, MANY = TaskColumns("one", "single", 0, 3), TaskColumns("many", "multi", 3, 5)
WHOLE = Reading(32, 8)


def read(windows: np.ndarray, reading: Reading = WHOLE) -> list[ReadLogits]:
    """Return what one reading says of a call."""
    return [ReadLogits(reading, windows)]


def overconfident(rows: int) -> tuple[list[list[ReadLogits]], np.ndarray]:
    """Return logits three times too large for how often their labels hold, one window a row."""
    random = np.random.default_rng(1)
    honest = random.normal(size=(rows, 5)) * 1.5
    labels = np.zeros((rows, 5), np.float32)
    chances = ONE.probabilities(honest[:, :3])
    drawn = (chances.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)
    labels[np.arange(rows), drawn] = 1
    labels[:, 3:] = random.random((rows, 2)) < MANY.probabilities(honest[:, 3:])
    return [read(3.0 * row[None, :]) for row in honest], labels


def test_temperatures_undo_overconfidence_in_both_modes() -> None:
    calls, labels = overconfident(4000)

    found = calibrate(calls, labels, [ONE, MANY], [WHOLE])

    for task in ("one", "many"):
        before, after = found.errors[task]
        assert found.temperatures[task] == pytest.approx(3.0, rel=0.1)
        assert before > 0.1
        assert after < 0.03


def test_temperatures_are_those_of_all_readings_together() -> None:
    """Of one that is six times too certain and one that says nothing."""
    calls, labels = overconfident(4000)
    silent = Reading(16, 4)
    both = [[*read(2.0 * call[0].logits), *read(0.0 * call[0].logits, silent)] for call in calls]

    found = calibrate(both, labels, [ONE, MANY], [WHOLE, silent])

    assert found.temperatures["one"] == pytest.approx(3.0, rel=0.1)
    assert found.all_readings(32) == (WHOLE, silent)


def test_a_task_without_labels_keeps_its_logits() -> None:
    calls, labels = overconfident(50)
    labels[:, 3:] = -1

    found = calibrate(calls, labels, [ONE, MANY], [WHOLE])

    assert set(found.temperatures) == set(found.errors) == {"one"}


def test_the_way_to_join_windows_is_the_one_that_answers_best() -> None:
    """The label is in one window of three, and the others say another with less force."""
    loud, quiet = [0.0, 9.0, 0.0, 0.0, 0.0], [6.0, 0.0, 0.0, 0.0, 0.0]
    calls = [read(np.array([quiet, loud, quiet], np.float32))] * 20
    labels = np.tile(np.array([0, 1, 0, -1, -1], np.float32), (20, 1))

    found = calibrate(calls, labels, [ONE, MANY], [WHOLE])

    assert found.trials["mean"] == 0.0
    assert found.trials["max"] == found.eval_avg_acc == 1.0
    assert found.aggregation == "max"


@pytest.mark.parametrize("how", ["mean", "max", "weighted"])
def test_one_window_is_the_call(how: str) -> None:
    window = np.array([[0.5, -1.0, 2.0, 0.0, 1.0]])

    assert aggregated([read(window)], [ONE, MANY], how).tolist() == window.tolist()  # type: ignore[arg-type]


def test_certain_windows_weigh_more() -> None:
    certain, even = [8.0, 0.0, 0.0, 0, 0], [0.0, 0.1, 0.0, 0, 0]
    call = np.array([certain, even])

    mean, weighted = (aggregated([read(call)], [ONE, MANY], how)[0] for how in ("mean", "weighted"))

    assert mean[0] == pytest.approx(4.0)
    assert 5.0 < weighted[0] < 8.0


def test_the_error_is_the_mean_distance_of_confidence_and_share() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.3, 0.3])
    is_right = np.array([True, True, True, False, False, False])

    assert calibration_error(confidence, is_right) == pytest.approx((4 * 0.15 + 2 * 0.3) / 6)
    assert [(each.answers, each.right) for each in reliability(confidence, is_right)] == [
        (2, 0.0),
        (4, 0.75),
    ]


def test_a_calibration_lies_in_the_folder_of_its_model(tmp_path: Path) -> None:
    calibration = Calibration("max", {"max": 0.5}, {"one": 2.0}, {"one": (0.2, 0.1)}, 32, 0.5)

    write_calibration(tmp_path, calibration)

    assert read_calibration(tmp_path) == calibration
    with pytest.raises(MissingDataError, match="classification-evaluate"):
        read_calibration(tmp_path / "none")


def test_a_label_is_given_from_a_probability_that_finds_enough_of_its_calls() -> None:
    """Calls of the highest label, some of them with little of it; no more than are needed."""
    label_set = load_label_set("helpline")
    column = next(each for each in columns_of(label_set) if each.name == "priority")
    random = np.random.default_rng(0)
    logits = np.zeros((200, columns_of(label_set)[-1].stop), np.float32)
    labels = np.full(logits.shape, ABSENT, np.float32)
    labels[:, column.start : column.stop] = 0
    ranks = np.repeat([0, 2], 100)
    labels[np.arange(200), column.start + ranks] = 1
    logits[:, column.start + 2] = np.where(ranks == 2, 0.5, -3.0) + random.normal(size=200)
    calls = [read(row[np.newaxis]) for row in logits]
    plain = Calibration("mean", {}, {"priority": 1.3}, {}, 32, 0.5)

    found = reaching(plain, calls, labels, label_set, {"priority": {"High": 0.95}})
    probabilities = probabilities_of(logits, columns_of(label_set), found.temperatures)
    before, after = (
        decide(probabilities, label_set, given_from).best["priority"]
        for given_from in ({}, found.given_from)
    )

    assert (before[ranks == 2] == 2).mean() < 0.9
    assert (after[ranks == 2] == 2).mean() == pytest.approx(0.95, abs=0.011)
    assert (after[ranks == 0] == 2).mean() < 0.3
    assert (after >= before).all()
    assert reaching(plain, calls, labels, label_set, {}) == plain

"""What the validation set decides after training: windows, temperatures, least probabilities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.classification.decoding import aggregated, columns_of, rank_probability
from models.classification.manifest import Aggregation
from models.classification.readings import Reading
from training.classification.learning.accuracy import AVERAGE, accuracies
from training.classification.learning.losses import ABSENT
from training.core.json_files import read_json, write_json
from training.measuring.reliability import calibration_error
from training.text.losses import best_temperature, least_temperature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from models.classification.decoding import ReadLogits, TaskColumns
    from models.classification.label_set import LabelSet

    FloatArray = npt.NDArray[np.floating]

CALIBRATION_NAME = "calibration.json"
AGGREGATIONS: tuple[Aggregation, ...] = ("mean", "max", "weighted")
PLACES = 10_000  # of a probability that stands in a manifest, rounded down
EVEN = 0.5  # from which an answer is the more probable of two


class Calibration(msgspec.Struct, frozen=True):
    """What the validation set decided.

    Attributes:
        aggregation: Of the windows of a call, the one with the highest mean accuracy.
        trials: Mean accuracy of each aggregation.
        temperatures: By which the logits of each task are divided.
        errors: Expected calibration error of each task, before and after.
        overlap_tokens: That two windows share.
        eval_avg_acc: Mean accuracy of the tasks over whole calls.
        given_from: By task and label, as `models.classification.decoding.decide` takes it.
        readings: Beside that in windows of the model's length.
    """

    aggregation: Aggregation
    trials: dict[str, float]
    temperatures: dict[str, float]
    errors: dict[str, tuple[float, float]]
    overlap_tokens: int
    eval_avg_acc: float
    given_from: dict[str, dict[str, float]] = {}
    readings: tuple[Reading, ...] = ()

    def all_readings(self, max_tokens: int) -> tuple[Reading, ...]:
        """Return the ways in which a call is read, the one that every call has first.

        Args:
            max_tokens: Longest window of the model.
        """
        return Reading(max_tokens, self.overlap_tokens), *self.readings


def calibrate(
    calls: Sequence[Sequence[ReadLogits]],
    labels: FloatArray,
    tasks: Sequence[TaskColumns],
    readings: Sequence[Reading],
) -> Calibration:
    """Return what fits the validation set best.

    Args:
        calls: The readings of each.
        labels: Of each call, as `training.classification.learning.losses` has them.
        tasks: The columns of each.
        readings: The one that every call has, then further ones.

    Source: Guo et al. 2017, arXiv:1706.04599, temperature scaling.
    """
    trials = {
        name: accuracies(aggregated(calls, tasks, name), labels, tasks)[AVERAGE]
        for name in AGGREGATIONS
    }
    best = max(AGGREGATIONS, key=lambda name: trials[name])  # of equal ones the first
    logits = aggregated(calls, tasks, best)
    temperatures, errors = {}, {}
    for task in tasks:
        held = labels[:, task.start : task.stop]
        has_labels = held[:, 0] != ABSENT
        if not has_labels.any():
            continue
        given, held = (
            logits[has_labels, task.start : task.stop].astype(np.float64),
            held[has_labels],
        )
        temperature = round(_temperature(given, held, task), 4)
        temperatures[task.name] = temperature
        before, after = (
            calibration_error(*confidences(each, held, task))
            for each in (given, given / temperature)
        )
        errors[task.name] = round(before, 5), round(after, 5)
    return Calibration(
        aggregation=best,
        trials={name: round(value, 5) for name, value in trials.items()},
        temperatures=temperatures,
        errors=errors,
        overlap_tokens=readings[0].overlap_tokens,
        eval_avg_acc=round(trials[best], 5),
        readings=tuple(readings[1:]),
    )


def reaching(
    calibration: Calibration,
    calls: Sequence[Sequence[ReadLogits]],
    labels: FloatArray,
    label_set: LabelSet,
    wanted: Mapping[str, Mapping[str, float]],
) -> Calibration:
    """Return a calibration by which labels of ranked tasks are given from low enough probabilities.

    Args:
        calibration: Of the validation set.
        calls: The readings of each of its calls.
        labels: Of each call.
        label_set: Of the labels.
        wanted: Share of the calls of a label or a higher one that is to be given at least this
            label, by task and label.
    """
    logits = aggregated(calls, columns_of(label_set), calibration.aggregation)
    given_from: dict[str, dict[str, float]] = {}
    for task in columns_of(label_set):
        held = labels[:, task.start : task.stop]
        has_labels = held[:, 0] != ABSENT
        scaled = logits[has_labels, task.start : task.stop].astype(np.float64)
        probabilities = task.probabilities(scaled / calibration.temperatures.get(task.name, 1.0))
        ranks = held[has_labels].argmax(axis=1)
        for label, recall in wanted.get(task.name, {}).items():
            rank = label_set.task(task.name).names.index(label)
            found = rank_probability(probabilities[ranks >= rank], rank)
            if len(found):
                given_from.setdefault(task.name, {})[label] = least_probability(found, recall)
    return msgspec.structs.replace(calibration, given_from=given_from)


def least_probability(found: FloatArray, recall: float) -> float:
    """Return the highest probability from which enough of some calls are found.

    Args:
        found: Probabilities of these calls.
        recall: Share of them that is to be found.
    """
    missed = int(len(found) * (1.0 - recall) + 1e-9)
    return math.floor(float(np.sort(found)[missed]) * PLACES) / PLACES


def confidences(
    logits: FloatArray, wanted: FloatArray, task: TaskColumns
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the confidence of each answer, and whether it is right.

    A ``single`` task answers with its likeliest label; of a ``multi`` task each label is an answer,
    that it holds or that it does not.

    Args:
        logits: Of the task, shape (rows, labels).
        wanted: 1 for labels that hold, 0 for others; likewise.
        task: One task.
    """
    probabilities = task.probabilities(logits)
    if task.mode == "multi":
        held = probabilities >= EVEN
        given = np.where(held, probabilities, 1.0 - probabilities)
        return given.ravel(), (held == (wanted == 1)).ravel()
    best = probabilities.argmax(axis=1)
    rows = np.arange(len(best))
    return probabilities[rows, best], wanted[rows, best] == 1


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write a calibration into a model's folder in one go."""
    write_json(folder / CALIBRATION_NAME, calibration)


def read_calibration(folder: Path) -> Calibration:
    """Return the calibration of a model's folder.

    Raises:
        MissingDataError: It is missing, or not one.
    """
    return read_json(
        folder / CALIBRATION_NAME,
        Calibration,
        what="a calibration",
        written_by="callstream train classification-evaluate",
    )


def _temperature(logits: FloatArray, wanted: FloatArray, task: TaskColumns) -> float:
    if task.mode == "single":
        return best_temperature(logits, wanted.argmax(axis=1))
    signs = np.where(wanted == 1, 1.0, -1.0)
    return least_temperature(
        lambda temperature: float(np.logaddexp(0.0, -signs * logits / temperature).mean())
    )

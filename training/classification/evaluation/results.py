"""The figures of a model: of every split, task, source and label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.classification.evaluation.calibration import Calibration
from training.classification.evaluation.measures import LabelFigures, TaskFigures
from training.core.json_files import read_json, write_json
from training.measuring.bootstrap import Figure
from training.measuring.reliability import ReliabilityBin

if TYPE_CHECKING:
    from pathlib import Path

RESULTS_NAME = "evaluation.json"


class PartResult(msgspec.Struct, frozen=True):
    """Some of the rows: those of one source, or those written by people.

    Attributes:
        rows: Calls.
        accuracy: Of each task that has labels there.
        macro_f1: Likewise.
    """

    rows: int
    accuracy: dict[str, Figure]
    macro_f1: dict[str, Figure]


class Threshold(msgspec.Struct, frozen=True):
    """What a threshold for abstention does.

    Attributes:
        confidence: Calls whose answer is less certain are abstained from.
        coverage: Share of the calls that are answered.
        accuracy: Of the answered ones.
    """

    confidence: float
    coverage: float
    accuracy: float


class TaskResult(msgspec.Struct, frozen=True):
    """One task on one split.

    Attributes:
        figures: Accuracy, precision, recall, F1.
        calibration_error: Mean distance of confidence and share of right answers.
        bins: Confidences against shares.
        confusions: The most frequent ones: label, given label, rows.
        thresholds: For abstention, from low to high; of tasks with one label a row.
    """

    figures: TaskFigures
    calibration_error: float
    bins: tuple[ReliabilityBin, ...]
    confusions: tuple[tuple[str, str, int], ...]
    thresholds: tuple[Threshold, ...]


class SplitResult(msgspec.Struct, frozen=True):
    """A model on one split, its answers raised by the rules of the label set.

    Attributes:
        split: Its name.
        rows: Calls with words.
        long_calls: Of more than one window.
        avg_acc: Mean accuracy of all tasks that have labels.
        tasks: By name.
        targets: Figures of single labels that are targets of their own.
        targets_without_rules: Likewise, of the model alone; empty where no rule raises a label.
        sources: By source of the rows.
        parts: Written by people, and generated.
        baselines: Accuracy of keywords, by their kind and the task.
    """

    split: str
    rows: int
    long_calls: int
    avg_acc: Figure
    tasks: dict[str, TaskResult]
    targets: dict[str, Figure]
    targets_without_rules: dict[str, Figure]
    sources: dict[str, PartResult]
    parts: dict[str, PartResult]
    baselines: dict[str, dict[str, float]]

    def metrics(self, prefix: str) -> dict[str, float]:
        """Return the figures as flat metrics: ``eval_avg_acc``, ``eval_priority_f1_macro`` ..."""
        found = {f"{prefix}_avg_acc": self.avg_acc.value}
        for name, task in self.tasks.items():
            figures = task.figures
            found |= {
                f"{prefix}_{name}_acc": figures.accuracy.value,
                f"{prefix}_{name}_f1_micro": figures.micro_f1.value,
                f"{prefix}_{name}_f1_macro": figures.macro_f1.value,
                f"{prefix}_{name}_f1_weighted": figures.weighted_f1.value,
                f"{prefix}_{name}_precision_macro": figures.macro_precision,
                f"{prefix}_{name}_recall_macro": figures.macro_recall,
                f"{prefix}_{name}_ece": task.calibration_error,
            }
        return found


class Evaluation(msgspec.Struct, frozen=True):
    """The figures of a model.

    Attributes:
        model: Its name.
        form: ``network``, or the precision of a graph.
        label_set: Name and version.
        calibration: What the validation set decided.
        abstention: Lowest confidence of the first task from which its answers on the validation set
            are as accurate as the recipe wants; -1 where none is.
        splits: By name.
    """

    model: str
    form: str
    label_set: str
    calibration: Calibration
    abstention: float
    splits: dict[str, SplitResult]

    @property
    def metrics(self) -> dict[str, float]:
        """Return all figures as flat metrics; those of the validation set begin with ``eval``."""
        found: dict[str, float] = {}
        for name, split in self.splits.items():
            found |= split.metrics("eval" if name == "validation" else name)
        return found


def worst_labels(figures: TaskFigures, most: int) -> list[LabelFigures]:
    """Return the labels that occur with the lowest F1."""
    occurring = [each for each in figures.labels if each.has]
    return sorted(occurring, key=lambda each: (each.f1, each.label))[:most]


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write the figures into a folder in one go: all of them, and the flat metrics."""
    write_json(folder / RESULTS_NAME, evaluation)
    write_json(folder / "metrics.json", evaluation.metrics)


def read_evaluation(folder: Path) -> Evaluation:
    """Return the figures in a folder.

    Raises:
        MissingDataError: They are missing, or of another version.
    """
    return read_json(
        folder / RESULTS_NAME,
        Evaluation,
        what="an evaluation",
        written_by="callstream train classification-evaluate",
    )

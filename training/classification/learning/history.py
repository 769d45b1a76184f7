"""The record of a training: ``training.json`` in the folder of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from training.core.json_files import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

RECORD_NAME = "training.json"


class Epoch(msgspec.Struct, frozen=True):
    """The validation after one epoch.

    Attributes:
        epoch: From 1.
        step: Steps until then.
        validation_loss: The combined loss.
        accuracy: ``<task>_acc`` of each task, and their mean ``avg_acc``; of one window a row.
    """

    epoch: int
    step: int
    validation_loss: float
    accuracy: dict[str, float]


class LearningRecord(msgspec.Struct, frozen=True):
    """How a network was trained.

    Attributes:
        recipe: Of the training.
        label_set: Name and version.
        fingerprint: Of everything that decides the weights.
        parameters: Of the whole network.
        rows: With words, by split.
        epochs: In order.
        best_metric: ``eval_avg_acc`` of the epoch whose weights were kept.
        best_step: Of that epoch.
        seconds: That this process learnt and validated.
        versions: Of the libraries that decide the weights.
    """

    recipe: dict[str, Any]
    label_set: str
    fingerprint: str
    parameters: int
    rows: dict[str, int]
    epochs: tuple[Epoch, ...]
    best_metric: float
    best_step: int
    seconds: float
    versions: dict[str, str]


def write_record(folder: Path, record: LearningRecord) -> None:
    """Write the record into a model's folder in one go."""
    write_json(folder / RECORD_NAME, record)


def read_record(folder: Path) -> LearningRecord:
    """Return the record of a model's folder.

    Raises:
        MissingDataError: It is missing, or not one.
    """
    return read_json(
        folder / RECORD_NAME,
        LearningRecord,
        what="a record of a training",
        written_by="callstream train classification",
    )

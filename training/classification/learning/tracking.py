"""Trackers of experiments: MLflow, where a recipe asks for it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from models.extras.requirement import required_for

if TYPE_CHECKING:
    from pathlib import Path

    from training.classification.learning.recipe import Learning

DATABASE_NAME = "mlflow.db"


def trackers(learning: Learning, work: Path, name: str) -> list[str]:
    """Return the names of the trackers of a run as the Trainer takes them, ready to be used.

    Args:
        learning: Says which.
        work: For the database of MLflow, where no other address is given.
        name: Of the experiment.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    if learning.tracking == "none":
        return []
    with required_for("learning.tracking = 'mlflow'", extra="mlflow"):
        mlflow = import_module(learning.tracking)
    address = learning.tracking_uri or f"sqlite:///{(work / DATABASE_NAME).resolve()}"
    mlflow.set_tracking_uri(address)
    mlflow.set_experiment(name)
    return [learning.tracking]

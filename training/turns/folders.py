"""The folders of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class RunFolders:
    """The folders of an experiment.

    Attributes:
        work: Of data, checkpoints and results.
        out: Of the trained models.
        results: Of the evaluation; ``work`` by default.
    """

    work: Path
    out: Path
    results: Path | None = None

    @property
    def base(self) -> Path:
        """Return the folder of the encoder that all models start from."""
        return self.work / "base"

    @property
    def learning_curve(self) -> Path:
        """Return the folder of the models of the learning curve."""
        return self.work / "learning_curve"

    @property
    def metrics(self) -> Path:
        """Return the folder of the figures as JSON."""
        return (self.results or self.work) / "results" / "metrics"

    @property
    def figures(self) -> Path:
        """Return the folder of the plots."""
        return (self.results or self.work) / "results" / "figures"

    def checkpoints(self, model: str) -> Path:
        """Return the folder of the checkpoints of a model."""
        return self.work / "checkpoints" / model

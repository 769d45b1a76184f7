"""Where the files of an experiment lie."""

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
        results: Of what was measured, if it is not to lie in ``work``.
    """

    work: Path
    out: Path
    results: Path | None = None

    @property
    def base(self) -> Path:
        """Return where the encoder lies that all models start from."""
        return self.work / "base"

    @property
    def learning_curve(self) -> Path:
        """Return where the models of the learning curve lie."""
        return self.work / "learning_curve"

    @property
    def metrics(self) -> Path:
        """Return where the measured figures lie."""
        return (self.results or self.work) / "results" / "metrics"

    @property
    def figures(self) -> Path:
        """Return where the drawings lie."""
        return (self.results or self.work) / "results" / "figures"

    def checkpoints(self, model: str) -> Path:
        """Return where a model lies that is still learning."""
        return self.work / "checkpoints" / model

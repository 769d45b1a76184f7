"""The progress bars of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from training.core.progress_bar import LiveProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.core.loop import StepFigures

_SHARE_OF_NEW = 0.02


class ExperimentBar(LiveProgress):
    """Two bars: the stages of the experiment, and the steps of the current model.

    Args:
        name: Of the experiment.
        stages: Of the whole.
    """

    def __init__(self, name: str, stages: int) -> None:
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        super().__init__(Progress(TextColumn("{task.description}"), *columns))
        self._stages = self._progress.add_task(name, total=stages)
        self._steps = self._progress.add_task("", total=None, visible=False)
        self._name = ""
        self._loss = 0.0

    def begin(self, name: str) -> None:
        """Go on to a stage."""
        self._name, self._loss = name, 0.0
        self._progress.reset(self._steps, total=None, visible=True, description=name)

    def end(self) -> None:
        """Count the stage as done."""
        self._progress.advance(self._stages)

    def advanced(self, step: int, steps: int, figures: StepFigures) -> None:
        """Show a step of a model, with the running mean of its loss."""
        weight = _SHARE_OF_NEW if self._loss else 1.0
        self._loss += weight * (figures.means["loss"] - self._loss)
        self._progress.update(
            self._steps,
            completed=step,
            total=steps,
            description=f"{self._name}  loss {self._loss:.3f}",
        )

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Show a validation."""
        self._progress.update(
            self._steps,
            completed=step,
            description=f"{self._name}  accuracy {figures['validation_accuracy']:.1%}",
        )

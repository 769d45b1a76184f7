"""The progress bars of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.console import WorkProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import TaskID

    from training.core.loop import StepFigures

_SHARE_OF_NEW = 0.02


class ExperimentBar(WorkProgress):
    """Two bars: the stages of the experiment, and the steps of the current model.

    Args:
        name: Of the experiment.
        stages: Of the whole.
    """

    def __init__(self, name: str, stages: int) -> None:
        super().__init__()
        self._of = stages
        self._stages = self.add_task(name, total=stages)
        self._steps: TaskID | None = None
        self._begun, self._name = 0, ""
        self._loss = 0.0

    def begin(self, name: str) -> None:
        """Go on to a stage."""
        if self._steps is not None:
            self.remove_task(self._steps)
        self._begun += 1
        self._name, self._loss = f"{name} ({self._begun}/{self._of})", 0.0
        self._steps = self.add_task(self._name, total=None)

    def about(self, part: str) -> None:
        """Show what is being done of the stage."""
        self._show(description=f"{self._name}: {part}")

    def end(self) -> None:
        """Count the stage as done."""
        self.advance(self._stages)

    def advanced(self, step: int, steps: int, figures: StepFigures) -> None:
        """Show a step of a model, with the running mean of its loss."""
        weight = _SHARE_OF_NEW if self._loss else 1.0
        self._loss += weight * (figures.means["loss"] - self._loss)
        self._show(
            completed=step,
            total=steps,
            description=f"{self._name}  loss {self._loss:.3f}",
        )

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Show a validation."""
        self._show(
            completed=step,
            description=f"{self._name}  accuracy {figures['validation_accuracy']:.1%}",
        )

    def _show(self, **changes: Any) -> None:
        if self._steps is not None:
            self.update(self._steps, **changes)

"""The loop of every training: steps, validations, patience, checkpoints and exact resume.

A training brings a `Learner` (its network and how a batch moves it) and an iterator of batches; a
run that was killed and resumed ends like one that was not, if both depend on the step alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from training.core.checkpoints import (
    BEST_NAME,
    CHECKPOINT_NAME,
    METRICS_NAME,
    read_checkpoint,
    write_checkpoint,
)
from training.core.errors import DivergedTrainingError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

Batch = TypeVar("Batch")
Batch_contra = TypeVar("Batch_contra", contravariant=True)


class StepFigures(NamedTuple):
    """The figures of one step.

    Attributes:
        means: To be averaged over steps, such as losses.
        sums: To be added up over steps, such as seconds of audio.
    """

    means: Mapping[str, float]
    sums: Mapping[str, float] = {}


class Learner(Protocol[Batch_contra]):
    """A network, its optimisers, and the number of steps that they have taken."""

    step: int

    def learn(self, batch: Batch_contra, /) -> StepFigures:
        """Take one step on a batch and return its figures."""

    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters that learn, by name, in the CPU's memory."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""


class Watcher(Protocol):
    """An observer of a run: a log, a progress bar."""

    def advanced(self, step: int, steps: int, figures: StepFigures) -> None:
        """Take note of a step out of ``steps``."""

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Take note of a validation after a step."""


class Validation(NamedTuple):
    """One validation.

    Attributes:
        rank: Compared item by item; the greater one is the better.
        figures: What was measured.
    """

    rank: tuple[float, ...]
    figures: dict[str, float]


class Progress(msgspec.Struct, frozen=True):
    """The best validation so far, and how many have passed since.

    Attributes:
        rank: Of the best.
        figures: Of the best.
        step: Of the best; -1 before the first validation.
        waited: Validations since then.
    """

    rank: tuple[float, ...] = ()
    figures: dict[str, float] = {}
    step: int = -1
    waited: int = 0

    def after(self, validation: Validation, step: int) -> Progress:
        """Return the progress after one more validation; of two equal ones the first is best."""
        if validation.rank > self.rank:
            return Progress(validation.rank, validation.figures, step)
        return msgspec.structs.replace(self, waited=self.waited + 1)

    def is_over(self, patience: int) -> bool:
        """Return whether the run has waited long enough; never with a patience of 0."""
        return 0 < patience <= self.waited


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a run is, and what happens between its steps.

    Attributes:
        steps: Of the whole run.
        checkpoint_steps: Between two checkpoints; one also follows each validation and the end.
        validation_steps: Between two validations; the last step is always validated.
        patience: Validations in a row without a new best that end the run; 0 never does.
        validates_start: Validate before the first step too.
        keeps_best: Keep the parameters of the best validation; without it only the last step's.
    """

    steps: int
    checkpoint_steps: int
    validation_steps: int = 1
    patience: int = 0
    validates_start: bool = False
    keeps_best: bool = True


class TrainingLoop(Generic[Batch]):
    """Drives a learner from step to step.

    Args:
        learner: What learns.
        settings: Steps, checkpoints, validations, patience.
        folder: For the checkpoint and the parameters of the best validation; None in a process
            that takes part in the run of another and writes nothing.
        validate: Measures the learner in its present state; None trains without validation.

    Attributes:
        progress: Of the validations.
    """

    def __init__(
        self,
        learner: Learner[Batch],
        settings: LoopSettings,
        folder: Path | None,
        *,
        validate: Callable[[], Validation] | None = None,
    ) -> None:
        self.progress = Progress()
        self._learner = learner
        self._settings = settings
        self._folder = folder
        self._best = folder / BEST_NAME if folder is not None and settings.keeps_best else None
        self._validate = validate
        self._watcher: Watcher | None = None
        self._is_begun = False

    def resume(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint; those of older versions hold no progress."""
        self._is_begun = True
        self._learner.restore(saved)
        progress = saved.get("progress")
        self.progress = (
            msgspec.convert(progress, Progress) if isinstance(progress, dict) else Progress()
        )

    def run(
        self,
        batches: Iterator[Batch],
        watcher: Watcher | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Progress:
        """Learn to the last step, or until the patience is over; return the progress.

        A run that was not resumed removes what an earlier one left in the folder.

        Args:
            batches: Of the steps that are left, in order.
            watcher: Is notified of every step and validation.
            is_stopped: Asked before each step; true ends the run with a checkpoint.

        Raises:
            DivergedTrainingError: A mean of a step is no finite number.
        """
        self._watcher = watcher
        self._begin()
        is_new = self._learner.step == 0 and self.progress.step < 0
        if is_new and self._settings.validates_start:
            self._measure()
        while not self.is_over:
            if is_stopped():
                self._save()
                break
            self._advance(next(batches))
        return self.progress

    def best_parameters(self) -> dict[str, Tensor] | None:
        """Return the parameters of the best validation; None where none was kept.

        Raises:
            MissingDataError: They are not there, or those of another validation are.
        """
        if self._best is None or self.progress.step < 0:
            return None
        saved = read_checkpoint(self._best) if self._best.is_file() else {}
        if saved.get("step") != self.progress.step:
            raise MissingDataError(
                f"{self._best} does not hold the best validation of the run, that after step "
                f"{self.progress.step}: take further steps with --resume, or begin afresh without"
            )
        best: dict[str, Tensor] = saved["parameters"]
        return best

    @property
    def is_over(self) -> bool:
        """Whether the last step is taken, or the patience at its end."""
        is_last = self._learner.step >= self._settings.steps
        return is_last or self.progress.is_over(self._settings.patience)

    def _begin(self) -> None:
        if not self._is_begun and self._folder is not None:
            # first what a run is resumed from
            for name in (CHECKPOINT_NAME, BEST_NAME, METRICS_NAME):
                (self._folder / name).unlink(missing_ok=True)
        self._is_begun = True

    def _advance(self, batch: Batch) -> None:
        settings = self._settings
        figures = self._learner.learn(batch)
        step = self._learner.step
        for name, value in figures.means.items():
            if not math.isfinite(value):
                raise DivergedTrainingError(
                    f"the {name} of step {step} is {value}: look for broken data, or learn at a "
                    "lower rate; an earlier checkpoint is as it was"
                )
        if self._watcher is not None:
            self._watcher.advanced(step, settings.steps, figures)
        is_last = step == settings.steps
        is_validated = self._validate is not None and (
            is_last or step % settings.validation_steps == 0
        )
        if is_validated:
            self._measure()
        if is_validated or is_last or step % settings.checkpoint_steps == 0:
            self._save()

    def _measure(self) -> None:
        if self._validate is None:
            return
        validation, step = self._validate(), self._learner.step
        if self._watcher is not None:
            self._watcher.validated(step, validation.figures)
        self.progress = self.progress.after(validation, step)
        if self.progress.step == step and self._best is not None:
            content = {"step": step, "parameters": self._learner.parameters()}
            write_checkpoint(content, self._best)

    def _save(self) -> None:
        if self._folder is not None:
            content = self._learner.state() | {"progress": msgspec.to_builtins(self.progress)}
            write_checkpoint(content, self._folder / CHECKPOINT_NAME)

"""What learners of adapters have in common, on torch as on MLX: steps, counts, checkpoints."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from training.core.loop import StepFigures, Validation
from training.text.batches import by_length

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from training.analytics.learning.rows import Row

    Step = list[list[Row]]
    Judge = Callable[[Sequence[Row]], tuple[Tensor, Tensor, Tensor]]

LOSS, VALIDATION_LOSS, ACCURACY = "answer_loss", "validation_loss", "choice_accuracy"
SEEDS_APART = 1_000_003  # steps of two runs never share a seed of dropout


class AnswerLearner(ABC):
    """Learns an adapter; the loss is that of the answers' tokens alone.

    Args:
        seed: Of dropout, with the step.
        fingerprint: Of all that decides the weights; checkpoints say it.

    Attributes:
        step: Steps that were taken.
        step_seconds: That they took, over all processes of the run.
        validation_seconds: That validations took, likewise.
        tokens: Of prompts and answers that the steps read, likewise.
    """

    def __init__(self, *, seed: int, fingerprint: str) -> None:
        self.step = 0
        self.step_seconds = 0.0
        self.validation_seconds = 0.0
        self.tokens = 0
        self._seed, self._fingerprint = seed, fingerprint

    def learn(self, batch: Step) -> StepFigures:
        """Take one step on batches of rows whose gradients are added up."""
        began = time.perf_counter()
        whole = sum(weight for rows in batch for row in rows for weight in row.weights)
        loss = self._take_step(batch, max(whole, 1e-9), self._seed * SEEDS_APART + self.step)
        self.step += 1
        tokens = sum(len(row.ids) for rows in batch for row in rows)
        self.tokens += tokens
        self.step_seconds += time.perf_counter() - began
        return StepFigures({LOSS: loss}, {"tokens": float(tokens)})

    def validate(self, rows: Sequence[Row], batch: int) -> Validation:
        """Return what `validation_of` says of the rows."""
        began = time.perf_counter()
        validation = validation_of(rows, batch, self._judged)
        self.validation_seconds += time.perf_counter() - began
        return validation

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "step": self.step,
            "fingerprint": self._fingerprint,
            "step_seconds": self.step_seconds,
            "validation_seconds": self.validation_seconds,
            "tokens": self.tokens,
            "parameters": self.parameters(),
            "optimiser": self._optimiser_state(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.step, self.tokens = int(saved["step"]), int(saved["tokens"])
        self.step_seconds = float(saved["step_seconds"])
        self.validation_seconds = float(saved["validation_seconds"])
        self.put(saved["parameters"])
        self._restore_optimiser(saved["optimiser"])

    @abstractmethod
    def parameters(self) -> dict[str, Tensor]:
        """Return the adapter's matrices by name, in the CPU's memory."""

    @abstractmethod
    def put(self, parameters: Mapping[str, Tensor]) -> None:
        """Take the adapter's matrices."""

    @abstractmethod
    def _take_step(self, batch: Step, whole: float, seed: int) -> float:
        """Change the adapter; return the loss, whose weights add up to ``whole``."""

    @abstractmethod
    def _judged(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss and weight of each token that counts, and whether it was the likeliest."""

    @abstractmethod
    def _optimiser_state(self) -> Any: ...

    @abstractmethod
    def _restore_optimiser(self, saved: Any) -> None: ...


def validation_of(rows: Sequence[Row], batch: int, judge: Judge) -> Validation:
    """Return the weighted mean loss of the rows' answers, and how many choices are right.

    A choice is judged after the right tokens before it; a value is right if all of its choices
    are, and its share of right ones is named by its key.

    Args:
        rows: To validate on.
        batch: Of them at once.
        judge: Returns loss and weight of each token that counts, and whether it was the likeliest.
    """
    loss = weight = 0.0
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for chosen in by_length([len(row.ids) for row in rows], batch):
        several = [rows[index] for index in chosen]
        losses, weights, hits = judge(several)
        loss += float((losses * weights).sum())
        weight += float(weights.sum())
        _count(several, hits.tolist(), right)
    choices = right.pop("")
    figures = {
        VALIDATION_LOSS: loss / max(weight, 1e-9),
        ACCURACY: sum(choices) / max(len(choices), 1),
    }
    figures |= {f"right_{key}": sum(each) / len(each) for key, each in sorted(right.items())}
    return Validation((-figures[VALIDATION_LOSS],), figures)


def _count(rows: Sequence[Row], hits: Sequence[bool], right: defaultdict[str, list[bool]]) -> None:
    """Add the choices of rows under an empty key, and each value under its own."""
    left = iter(hits)
    for row in rows:
        values: dict[str, bool] = {}
        for weight, key in zip(row.weights, row.keys, strict=True):
            if weight <= 0:
                continue
            hit = next(left)
            if key:
                right[""].append(hit)
                values[key] = values.get(key, True) and hit
        for key, value in values.items():
            right[key].append(value)

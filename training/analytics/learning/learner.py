"""An adapter that learns: one step of the loop, and the validation."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from training.analytics.learning.network import weighted_answers
from training.core.loop import StepFigures, Validation
from training.core.optimisers import Optimisers
from training.text.batches import by_length, epoch_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from training.analytics.learning.network import AdaptedNetwork
    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.rows import Row
    from training.analytics.learning.states import LowerStates
    from training.core.optimisers import Schedule

LOSS, VALIDATION_LOSS, ACCURACY = "answer_loss", "validation_loss", "choice_accuracy"
SEEDS_APART = 1_000_003  # steps of two runs never share a seed of dropout
Step = list[list["Row"]]
Judge = Callable[[Sequence["Row"]], "tuple[Tensor, Tensor, Tensor]"]


class AdapterLearner:
    """Learns the adapter of a network.

    Args:
        network: Base and adapter.
        states: Of the layers below the adapter.
        schedule: Rates and decay.
        seed: Of dropout, with the step.
        fingerprint: Of all that decides the weights; checkpoints say it.

    Attributes:
        step: Steps that were taken.
        step_seconds: That they took, over all processes of the run.
        validation_seconds: That validations took, likewise.
        tokens: Of prompts and answers that the steps read, likewise.
    """

    def __init__(
        self,
        network: AdaptedNetwork,
        states: LowerStates,
        schedule: Schedule,
        *,
        seed: int,
        fingerprint: str = "",
    ) -> None:
        self.step = 0
        self.step_seconds = 0.0
        self.validation_seconds = 0.0
        self.tokens = 0
        self._fingerprint = fingerprint
        self._network = network
        self._states = states
        self._schedule = schedule
        self._seed = seed
        self._optimisers = Optimisers(network.trainable().items(), schedule)

    def learn(self, batch: Step) -> StepFigures:
        """Take one step on batches of rows whose gradients are added up."""
        began = time.perf_counter()
        torch.manual_seed(self._seed * SEEDS_APART + self.step)
        self._network.adapted.train()
        whole = sum(weight for rows in batch for row in rows for weight in row.weights)
        loss = 0.0
        for rows in batch:
            losses, weights = self.weighted_losses(rows)
            part = (losses * weights).sum() / max(whole, 1e-9)
            part.backward()  # type: ignore[no-untyped-call]
            loss += float(part.detach())
        parameters = list(self._network.trainable().values())
        torch.nn.utils.clip_grad_norm_(parameters, self._schedule.clip_norm)
        self._optimisers.step(self.step)
        for parameter in parameters:
            parameter.grad = None
        self.step += 1
        tokens = sum(len(row.ids) for rows in batch for row in rows)
        self.tokens += tokens
        self.step_seconds += time.perf_counter() - began
        return StepFigures({LOSS: loss}, {"tokens": float(tokens)})

    def parameters(self) -> dict[str, Tensor]:
        """Return the adapter's matrices by name, in the CPU's memory."""
        return {n: p.detach().cpu().clone() for n, p in self._network.trainable().items()}

    def put(self, parameters: Mapping[str, Tensor]) -> None:
        """Take the adapter's matrices."""
        with torch.no_grad():
            for name, parameter in self._network.trainable().items():
                parameter.copy_(parameters[name])

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "step": self.step,
            "fingerprint": self._fingerprint,
            "step_seconds": self.step_seconds,
            "validation_seconds": self.validation_seconds,
            "tokens": self.tokens,
            "parameters": self.parameters(),
            "optimisers": self._optimisers.state(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.step, self.tokens = int(saved["step"]), int(saved["tokens"])
        self.step_seconds = float(saved["step_seconds"])
        self.validation_seconds = float(saved["validation_seconds"])
        self.put(saved["parameters"])
        self._optimisers.restore(saved["optimisers"])

    def validate(self, rows: Sequence[Row], batch: int) -> Validation:
        """Return what `validation_of` says of the rows."""
        began = time.perf_counter()
        self._network.adapted.eval()
        with torch.no_grad():
            validation = validation_of(rows, batch, self._judged)
        self.validation_seconds += time.perf_counter() - began
        return validation

    def weighted_losses(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
        """Return the loss of each token that counts, in the order of the rows, and its weight."""
        losses, weights, _ = self._judged(rows)
        return losses, weights

    def _judged(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss and weight of each token that counts, and whether it was the likeliest."""
        answers = weighted_answers(rows, self._network.device)
        logits = self._network.answer_logits(self._states.of(rows), answers)
        losses = functional.cross_entropy(logits, answers.tokens, reduction="none")
        return losses, answers.weights, logits.argmax(-1) == answers.tokens


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


def steps_of_epoch(rows: int, recipe: AnalyticsRecipe) -> int:
    """Return the number of steps that read every row once."""
    batches = -(-rows // recipe.learning.batch)
    return -(-batches // recipe.learning.accumulation)


def steps_of(rows: int, recipe: AnalyticsRecipe) -> int:
    """Return the number of steps of a run."""
    return recipe.learning.steps or recipe.learning.epochs * steps_of_epoch(rows, recipe)


def upcoming(rows: Sequence[Row], recipe: AnalyticsRecipe, first: int) -> Iterator[Step]:
    """Yield the rows of each step from ``first`` on: a function of seed and step alone."""
    lengths = [len(row.ids) for row in rows]
    together, each = recipe.learning.accumulation, steps_of_epoch(len(rows), recipe)
    epoch, skipped = divmod(first, each)
    while True:
        order = epoch_batches(lengths, recipe.learning.batch, seed=recipe.seed, epoch=epoch)
        for start in range(skipped * together, len(order), together):
            yield [[rows[index] for index in one] for one in order[start : start + together]]
        epoch, skipped = epoch + 1, 0

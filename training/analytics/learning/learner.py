"""An adapter that learns on torch, and the order in which its rows are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from training.analytics.learning.answer_learner import AnswerLearner
from training.analytics.learning.network import weighted_answers
from training.core.optimisers import Optimisers
from training.text.batches import epoch_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from training.analytics.learning.answer_learner import Step
    from training.analytics.learning.network import AdaptedNetwork
    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.rows import Row
    from training.analytics.learning.states import LowerStates
    from training.analytics.learning.turn_reader import Reading
    from training.core.loop import Validation
    from training.core.optimisers import Schedule


class AdapterLearner(AnswerLearner):
    """Learns the adapter of a network on torch.

    Args:
        network: Base and adapter.
        states: Of the layers below the adapter.
        schedule: Rates and decay.
        seed: As of `AnswerLearner`.
        fingerprint: Likewise.
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
        super().__init__(seed=seed, fingerprint=fingerprint)
        self._network = network
        self._states = states
        self._schedule = schedule
        self._reader = network.reader
        self._turn_counts: list[tuple[int, int, int]] = []
        self._optimisers = Optimisers(self._learning().items(), schedule)

    def parameters(self) -> dict[str, Tensor]:
        """Return the adapter's matrices by name, in the CPU's memory."""
        return {n: p.detach().cpu().clone() for n, p in self._learning().items()}

    def put(self, parameters: Mapping[str, Tensor]) -> None:
        """Take the adapter's matrices."""
        with torch.no_grad():
            for name, parameter in self._learning().items():
                parameter.copy_(parameters[name])

    def validate(self, rows: Sequence[Row], batch: int) -> Validation:
        """Return what `validation_of` says of the rows, and how well what turns show is read."""
        self._network.adapted.eval()
        self._turn_counts.clear()
        with torch.no_grad():
            validation = super().validate(rows, batch)
        if self._turn_counts:
            shown, read, both = map(sum, zip(*self._turn_counts, strict=True))
            validation.figures["turns_f1"] = 2 * both / max(shown + read, 1)
        return validation

    def weighted_losses(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
        """Return the loss of each token that counts, in the order of the rows, and its weight."""
        return self._losses(rows)[:2]

    def _learning(self) -> dict[str, torch.nn.Parameter]:
        """Return everything that learns, by name."""
        beside = dict(self._reader.named_parameters()) if self._reader else {}
        return self._network.trainable() | {f"turns.{name}": p for name, p in beside.items()}

    def _take_step(self, batch: Step, whole: float, seed: int) -> float:
        torch.manual_seed(seed)
        self._network.adapted.train()
        loss = 0.0
        for rows in batch:
            losses, weights, _, reading = self._losses(rows)
            part = (losses * weights).sum() / whole
            loss += float(part.detach())
            if reading is not None:
                part = part + reading.loss() / len(batch)
            part.backward()  # type: ignore[no-untyped-call]
        parameters = list(self._learning().values())
        torch.nn.utils.clip_grad_norm_(parameters, self._schedule.clip_norm)
        self._optimisers.step(self.step)
        for parameter in parameters:
            parameter.grad = None
        return loss

    def _judged(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss and weight of each token that counts, and whether it was the likeliest."""
        losses, weights, hits, reading = self._losses(rows)
        if reading is not None:
            self._turn_counts.append(reading.counts())
        return losses, weights, hits

    def _losses(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor, Reading | None]:
        """Return the same, and what was read from the turns."""
        answers = weighted_answers(rows, self._network.device)
        logits, between = self._network.read(self._states.of(rows), answers)
        losses = functional.cross_entropy(logits, answers.tokens, reduction="none")
        reading = self._reader.read(between, rows) if self._reader else None
        return losses, answers.weights, logits.argmax(-1) == answers.tokens, reading

    def _optimiser_state(self) -> Any:
        return self._optimisers.state()

    def _restore_optimiser(self, saved: Any) -> None:
        self._optimisers.restore(saved)


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

"""An adapter that learns on MLX: one step of the loop, and the validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from models.extras.mlx import core as mx
from models.extras.mlx_lm import nn, optimizers, trees
from training.analytics.learning.answer_learner import AnswerLearner
from training.analytics.learning.network import padded_ids, weighted_answers
from training.core.optimisers import learning_rate_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from training.analytics.learning.answer_learner import Step
    from training.analytics.learning.rows import Row
    from training.analytics.mlx.network import Array, MlxNetwork
    from training.core.loop import Validation
    from training.core.optimisers import Schedule

_CPU = torch.device("cpu")


class Numbered:
    """Where the matrices of every so many steps are kept.

    Args:
        folder: For them.
        steps: Between two.
    """

    def __init__(self, folder: Path, steps: int) -> None:
        self._folder, self._steps = folder, steps

    def keep(self, network: MlxNetwork, step: int) -> None:
        """Write the matrices if it is their turn."""
        if step % self._steps == 0:
            network.save_numbered(self._folder, step)


class MlxLearner(AnswerLearner):
    """Learns the adapter of a network on MLX.

    Args:
        network: Base and adapter.
        schedule: Rates and decay.
        numbered: Keeps the matrices of some steps.
        seed: As of `AnswerLearner`.
        fingerprint: Likewise.
    """

    def __init__(
        self,
        network: MlxNetwork,
        schedule: Schedule,
        numbered: Numbered,
        *,
        seed: int,
        fingerprint: str = "",
    ) -> None:
        super().__init__(seed=seed, fingerprint=fingerprint)
        self._network, self._schedule, self._numbered = network, schedule, numbered
        self._optimiser = optimizers.AdamW(
            learning_rate=schedule.learning_rate,
            weight_decay=schedule.weight_decay,
            bias_correction=True,
        )
        self._optimiser.init(network.model.trainable_parameters())
        self._gradients = nn.value_and_grad(network.model, self._loss)

    def parameters(self) -> dict[str, Tensor]:
        """Return the adapter's matrices by name."""
        return {name: _tensor(each) for name, each in self._network.trainable().items()}

    def put(self, parameters: Mapping[str, Tensor]) -> None:
        """Take the adapter's matrices."""
        self._network.put({name: mx.array(each.numpy()) for name, each in parameters.items()})

    def validate(self, rows: Sequence[Row], batch: int) -> Validation:
        """Return what `validation_of` says of the rows."""
        self._network.model.eval()
        return super().validate(rows, batch)

    def _take_step(self, batch: Step, whole: float, seed: int) -> float:
        model = self._network.model
        mx.random.seed(seed)
        model.train()
        loss, total = 0.0, None
        for rows in batch:
            part, gradients = self._gradients(rows, whole)
            total = gradients if total is None else trees.tree_map(mx.add, total, gradients)
            loss += float(part)
        total, _ = optimizers.clip_grad_norm(total, self._schedule.clip_norm)
        self._optimiser.learning_rate = learning_rate_at(self.step, self._schedule)
        self._optimiser.update(model, total)
        mx.eval(model.trainable_parameters(), self._optimiser.state)
        self._numbered.keep(self._network, self.step + 1)
        return loss

    def _loss(self, rows: Sequence[Row], whole: float) -> Array:
        logits, tokens, weights = self._answers(rows)
        losses = nn.losses.cross_entropy(logits, tokens, reduction="none")
        return (losses * weights).sum() / whole

    def _judged(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss and weight of each token that counts, and whether it was the likeliest."""
        logits, tokens, weights = self._answers(rows)
        losses = nn.losses.cross_entropy(logits, tokens, reduction="none")
        hits = mx.argmax(logits, axis=-1) == tokens
        return _tensor(losses), _tensor(weights), _tensor(hits)

    def _optimiser_state(self) -> Any:
        state = dict(trees.tree_flatten(self._optimiser.state))
        return {name: _tensor(each) for name, each in state.items()}

    def _restore_optimiser(self, saved: Any) -> None:
        kept = {name: mx.array(each.numpy()) for name, each in saved.items()}
        kept["step"] = kept["step"].astype(mx.uint64)
        self._optimiser.state = trees.tree_unflatten(list(kept.items()))

    def _answers(self, rows: Sequence[Row]) -> tuple[Array, Array, Array]:
        """Return logits, tokens and weights of what is to be predicted."""
        answers = weighted_answers(rows, _CPU)
        ids, at_rows, places, tokens, weights = (
            mx.array(each.numpy())
            for each in (
                padded_ids(rows, _CPU),
                answers.rows,
                answers.places,
                answers.tokens,
                answers.weights,
            )
        )
        return self._network.answer_logits(ids, at_rows, places), tokens, weights


def _tensor(array: Array) -> Tensor:
    values = np.array(array)
    if values.dtype.kind == "u":
        values = values.astype(np.int64)  # of the optimiser's step
    return torch.from_numpy(values)

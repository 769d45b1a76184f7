"""The Trainer of transformers for calls: windows drawn anew, batches of one length, two rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback

from training.classification.learning.accuracy import accuracies
from training.classification.learning.inputs import EpochBatches, Place, RandomWindows
from training.core.loop import StepFigures
from training.text.batches import by_length

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import (
        EvalPrediction,
        TrainerState,
        TrainingArguments,
    )

    from training.classification.learning.inputs import LabelledCalls, Windows
    from training.classification.learning.network import MultiTaskClassifier
    from training.core.loop import Watcher

AVERAGE_METRIC = "eval_avg_acc"
_VALIDATION_EPOCH = 1_000_000  # no run is as long: the windows of validation stay where they are


@dataclass(frozen=True)
class LearningData:
    """What a network learns from.

    Attributes:
        train: To learn from.
        validation: To choose the best epoch with.
        windows: How inputs are made.
        source_shares: Of a source's rows that an epoch reads.
        seed: Of the windows and their order.
    """

    train: LabelledCalls
    validation: LabelledCalls
    windows: Windows
    source_shares: Mapping[str, float]
    seed: int

    def batches(self, size: int) -> EpochBatches:
        """Return the batches of training."""
        return EpochBatches(self.random_windows(self.train), self.source_shares, size, self.seed)

    def random_windows(self, calls: LabelledCalls) -> RandomWindows:
        """Return one window of each row."""
        return RandomWindows(calls, self.windows.room, self.seed)

    def collated(self, items: Sequence[tuple[list[int], torch.Tensor]]) -> dict[str, torch.Tensor]:
        """Return windows and labels as the network takes them."""
        batch = self.windows.padded([ids for ids, _ in items])
        return {**batch, "labels": torch.stack([labels for _, labels in items])}


class CallTrainer(Trainer):
    """A Trainer that reads `LearningData`.

    Args:
        model: To be trained.
        args: Rates, epochs, folders.
        data: To learn from.
        head_rate: By which the rate of the shared layer and the heads is multiplied.
        callbacks: Of the run.
    """

    def __init__(
        self,
        model: MultiTaskClassifier,
        args: TrainingArguments,
        data: LearningData,
        head_rate: float,
        callbacks: list[TrainerCallback],
    ) -> None:
        self._data = data
        self._head_rate = head_rate
        self.last_loss = 0.0
        super().__init__(
            model=model,
            args=args,
            train_dataset=data.random_windows(data.train),
            eval_dataset=data.random_windows(data.validation),
            data_collator=data.collated,
            compute_metrics=_metrics_of(model),
            callbacks=callbacks,
        )

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of an epoch, which follow its number."""
        loader: DataLoader[Any] = DataLoader(
            self._data.random_windows(self._data.train),
            batch_sampler=self._data.batches(self.args.train_batch_size),
            collate_fn=self._data.collated,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Return the validation windows, the same in every epoch, in batches of one length."""
        del eval_dataset  # there is one
        windows = self._data.random_windows(self._data.validation)
        batches = by_length(windows.lengths, self.args.eval_batch_size)
        places = [[Place(_VALIDATION_EPOCH, row) for row in chosen] for chosen in batches]
        loader: DataLoader[Any] = DataLoader(
            windows, batch_sampler=places, collate_fn=self._data.collated
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Return AdamW with a rate for the encoder and one for what stands on it."""
        network: Any = self.model if model is None else model
        if self.optimizer is None:
            decayed = set(self.get_decay_parameter_names(network))
            encoder = f"{network.base_model_prefix}."
            rate, decay = self.args.learning_rate, self.args.weight_decay
            groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
            for name, parameter in network.named_parameters():
                own_rate = rate if name.startswith(encoder) else rate * self._head_rate
                own_decay = decay if name in decayed else 0.0
                groups.setdefault((own_rate, own_decay), []).append(parameter)
            self.optimizer = torch.optim.AdamW(
                [
                    {"params": parameters, "lr": own_rate, "weight_decay": own_decay}
                    for (own_rate, own_decay), parameters in groups.items()
                ],
                lr=rate,
                fused=True,
            )
        return self.optimizer

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Take one step, and remember its loss."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.last_loss = float(loss)
        return loss


class WatcherCallback(TrainerCallback):
    """Tells a watcher of the house's trainings about steps and validations.

    Args:
        watcher: A log, a progress bar.
    """

    def __init__(self, watcher: Watcher) -> None:
        self.trainer: CallTrainer | None = None
        self._watcher = watcher

    def on_step_end(self, *given: Any, **_: Any) -> None:
        """Tell about a step."""
        assert self.trainer is not None
        state = _state(given)
        figures = StepFigures({"training": self.trainer.last_loss})
        self._watcher.advanced(state.global_step, state.max_steps, figures)

    def on_evaluate(self, *given: Any, **more: Any) -> None:
        """Tell about a validation."""
        metrics: Mapping[str, float] = more["metrics"]
        wanted = {name: value for name, value in metrics.items() if name.endswith(("_acc", "loss"))}
        self._watcher.validated(_state(given).global_step, wanted)


def _state(given: tuple[Any, ...]) -> TrainerState:
    """Return the state of a run from what transformers gives a callback: it is the second."""
    state: TrainerState = given[1]
    return state


def _metrics_of(model: MultiTaskClassifier) -> Any:
    """Return the function that measures a validation."""

    def measured(prediction: EvalPrediction) -> dict[str, float]:
        logits, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
        return accuracies(logits, labels, model.tasks)

    return measured

"""The loop in which a model learns, is validated, and can be broken off at any moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
import torch
from torch.nn import functional

from training.checkpoints import CHECKPOINT_NAME, read_checkpoint, write_checkpoint
from training.optimisation import Optimisers, Schedule
from training.turns.evaluation.measures import cross_entropy
from training.turns.material import all_logits, epoch_batches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.turns.classifier import TurnClassifier
    from training.turns.material import Material
    from training.turns.recipe import Learning

BEST_NAME = "best.pt"
_VALIDATION_BATCH = 256


class Epoch(msgspec.Struct, frozen=True):
    """What was measured at the end of one.

    Attributes:
        epoch: From 1.
        step: Steps until then.
        train_loss: Mean of the epoch's steps.
        validation_loss: Cross-entropy, without label smoothing.
        validation_accuracy: At a probability of one half.
    """

    epoch: int
    step: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float

    @property
    def rank(self) -> tuple[float, float]:
        """Return what the best epoch has the most of."""
        return self.validation_accuracy, -self.validation_loss


class Watcher(Protocol):
    """Who wants to know how far a model is."""

    def advanced(self, step: int, steps: int, loss: float) -> None:
        """Take note of a step that is done."""


@dataclass(frozen=True)
class LearningPlan:
    """What one model learns from, and how.

    Attributes:
        train: To learn from.
        validation: To choose the best epoch with.
        settings: Epochs, rates.
        seed: Of the order and of dropout.
        fingerprint: Of everything that decides the outcome; a checkpoint of another is not used.
    """

    train: Material
    validation: Material
    settings: Learning
    seed: int
    fingerprint: str

    @property
    def steps_of_epoch(self) -> int:
        """Return how many batches an epoch has."""
        return -(-len(self.train.labels) // self.settings.batch)

    @property
    def steps(self) -> int:
        """Return how many batches there are in all."""
        return self.steps_of_epoch * self.settings.epochs


class Outcome(msgspec.Struct, frozen=True):
    """How a model learnt.

    Attributes:
        epochs: In order.
        best_epoch: Whose weights were kept, from 1.
        examples_per_second: Of the steps that this process did, validation aside.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    examples_per_second: float


class Learner:
    """Moves the parameters of a model that need a gradient.

    Two learners of the same plan end with the same weights, wherever one was killed between.

    Args:
        model: Whose parameters are moved.
        plan: What to learn.
        folder: For the checkpoint and the best epoch's weights.
    """

    def __init__(self, model: TurnClassifier, plan: LearningPlan, folder: Path) -> None:
        self.step = 0
        self._model = model
        self._plan = plan
        self._folder = folder
        self._epochs: list[Epoch] = []
        self._losses = 0.0
        self._moved = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._optimisers = Optimisers(self._moved.items(), _schedule(plan))
        self._seconds, self._examples = 0.0, 0

    def resume(self) -> bool:
        """Go on from the checkpoint in the folder, if it is one of this plan."""
        path = self._folder / CHECKPOINT_NAME
        if not path.is_file():
            return False
        saved = read_checkpoint(path)
        if saved["fingerprint"] != self._plan.fingerprint:
            return False
        self._put(saved["parameters"])
        self._optimisers.restore(saved["optimisers"])
        self._epochs = msgspec.convert(saved["epochs"], list[Epoch])
        self._losses = saved["losses"]
        self.step = saved["step"]
        return True

    def learn(self, watcher: Watcher) -> Outcome:
        """Learn to the end and leave the best epoch's weights in the model."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng(devices=[]):
            while self.step < self._plan.steps:
                self._learn_epoch(watcher)
        best = max(self._epochs, key=lambda epoch: epoch.rank)
        self._put(read_checkpoint(self._folder / BEST_NAME)["parameters"])
        rate = self._examples / self._seconds if self._seconds else 0.0
        return Outcome(tuple(self._epochs), best.epoch, round(rate, 1))

    def _learn_epoch(self, watcher: Watcher) -> None:
        plan = self._plan
        epoch, done = divmod(self.step, plan.steps_of_epoch)
        batches = epoch_batches(
            plan.train.lengths, plan.settings.batch, seed=plan.seed, epoch=epoch
        )
        for chosen in batches[done:]:
            loss = self._learn_batch(chosen)
            watcher.advanced(self.step, plan.steps, loss)
            is_last = self.step % plan.steps_of_epoch == 0
            if not is_last and self.step % plan.settings.checkpoint_steps == 0:
                self._save()
        self._end_epoch(epoch + 1)

    def _learn_batch(self, chosen: Sequence[int]) -> float:
        began = time.perf_counter()
        settings = self._plan.settings
        self._model.train()
        torch.manual_seed(_mixed(self._plan.seed, self.step))  # dropout repeats after a kill
        labels = self._plan.train.labels[list(chosen)].to(self._model.device)
        with torch.autocast(self._model.device.type, torch.bfloat16, enabled=settings.bf16):
            logits = self._plan.train.logits(self._model, chosen)
        loss = functional.cross_entropy(
            logits.float(), labels, label_smoothing=settings.label_smoothing
        )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._moved.values(), settings.clip_norm)
        self._optimisers.step(self.step)
        for parameter in self._moved.values():
            parameter.grad = None
        self.step += 1
        value = loss.item()
        self._losses += value
        self._seconds += time.perf_counter() - began
        self._examples += len(chosen)
        return value

    def _end_epoch(self, number: int) -> None:
        loss, accuracy = validate(self._model, self._plan.validation)
        mean = self._losses / self._plan.steps_of_epoch
        epoch = Epoch(number, self.step, round(mean, 6), round(loss, 6), accuracy)
        self._epochs.append(epoch)
        self._losses = 0.0
        if epoch == max(self._epochs, key=lambda one: one.rank):
            write_checkpoint({"parameters": self._parameters()}, self._folder / BEST_NAME)
        self._save()

    def _save(self) -> None:
        content = {
            "fingerprint": self._plan.fingerprint,
            "step": self.step,
            "losses": self._losses,
            "epochs": msgspec.to_builtins(self._epochs),
            "parameters": self._parameters(),
            "optimisers": self._optimisers.state(),
        }
        write_checkpoint(content, self._folder / CHECKPOINT_NAME)

    def _parameters(self) -> dict[str, torch.Tensor]:
        return {name: p.detach().cpu() for name, p in self._moved.items()}

    def _put(self, parameters: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, values in parameters.items():
                self._moved[name].copy_(values)


def validate(model: TurnClassifier, material: Material) -> tuple[float, float]:
    """Return cross-entropy and accuracy of a model that just judges."""
    logits = all_logits(model, material, _VALIDATION_BATCH)
    labels = material.labels.numpy()
    return cross_entropy(logits, labels), float(np.mean(logits.argmax(axis=1) == labels))


def _schedule(plan: LearningPlan) -> Schedule:
    settings = plan.settings
    warmup = int(plan.steps * settings.warmup)
    return Schedule(
        steps=plan.steps,
        decay_from=warmup,
        warmup_steps=warmup,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        clip_norm=settings.clip_norm,
    )


def _mixed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])

"""The learning of one model: its plan, its steps, its epochs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import structlog
import torch
from torch.nn import functional

from training.core.checkpoints import CHECKPOINT_NAME, read_checkpoint
from training.core.loop import LoopSettings, StepFigures, TrainingLoop, Validation
from training.core.optimisers import Optimisers, Schedule
from training.text.batches import epoch_batches
from training.text.losses import cross_entropy
from training.turns.learning.model_inputs import all_logits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from training.core.loop import Watcher
    from training.turns.learning.classifier import TurnClassifier
    from training.turns.learning.model_inputs import LabelledTexts
    from training.turns.learning.recipe import Learning

_VALIDATION_BATCH = 256
log = structlog.get_logger(__name__)


class Epoch(msgspec.Struct, frozen=True):
    """The figures of one epoch.

    Attributes:
        epoch: From 1; 0 is the start, where that was validated.
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
        """Return what epochs are compared by: accuracy, then the lower loss."""
        return self.validation_accuracy, -self.validation_loss


@dataclass(frozen=True)
class LearningPlan:
    """What one model learns from, and how.

    Attributes:
        train: To learn from.
        validation: To choose the best epoch with.
        settings: Epochs, rates.
        seed: Of the order and of dropout.
        fingerprint: Of everything that decides the weights; a checkpoint of another is not used.
        validates_start: The weights that the model starts from may turn out as the best.
    """

    train: LabelledTexts
    validation: LabelledTexts
    settings: Learning
    seed: int
    fingerprint: str
    validates_start: bool = False

    @property
    def steps_of_epoch(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self.train.labels) // self.settings.batch)

    @property
    def steps(self) -> int:
        """Return the number of batches of the run."""
        return self.steps_of_epoch * self.settings.epochs

    def batches(self, first_step: int) -> Iterator[list[int]]:
        """Yield the batches of every step from one on, as indices of texts."""
        epoch, done = divmod(first_step, self.steps_of_epoch)
        for number in range(epoch, self.settings.epochs):
            batches = epoch_batches(
                self.train.lengths, self.settings.batch, seed=self.seed, epoch=number
            )
            yield from batches[done:]
            done = 0


class LearningHistory(msgspec.Struct, frozen=True):
    """The epochs of a model's learning.

    Attributes:
        epochs: In order.
        best_epoch: Whose weights were kept.
        examples_per_second: Of the steps that this process did, validation aside.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    examples_per_second: float

    @property
    def best(self) -> Epoch:
        """Return the epoch whose weights were kept."""
        return next(one for one in self.epochs if one.epoch == self.best_epoch)


class TurnLearner:
    """The parameters of a model that need a gradient, as they learn.

    Args:
        model: With the parameters.
        plan: What to learn.
    """

    def __init__(self, model: TurnClassifier, plan: LearningPlan) -> None:
        self.step = 0
        self.epochs: list[Epoch] = []
        self._model = model
        self._plan = plan
        self._losses = 0.0
        self._learnt = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._optimisers = Optimisers(self._learnt.items(), _schedule(plan))
        self._seconds, self._examples = 0.0, 0

    def learn(self, batch: Sequence[int]) -> StepFigures:
        """Take one step on the texts of some indices."""
        began = time.perf_counter()
        settings, train = self._plan.settings, self._plan.train
        self._model.train()
        torch.manual_seed(_mixed(self._plan.seed, self.step))  # dropout repeats after a kill
        labels = train.labels[list(batch)].to(self._model.device)
        with torch.autocast(self._model.device.type, torch.bfloat16, enabled=settings.bf16):
            logits = train.logits(self._model, batch)
        loss = functional.cross_entropy(
            logits.float(), labels, label_smoothing=settings.label_smoothing
        )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._learnt.values(), settings.clip_norm)
        self._optimisers.step(self.step)
        for parameter in self._learnt.values():
            parameter.grad = None
        self.step += 1
        value = loss.item()
        self._losses += value
        self._seconds += time.perf_counter() - began
        self._examples += len(batch)
        return StepFigures({"loss": value})

    def end_epoch(self) -> Validation:
        """Validate, and add the epoch to the history.

        The more accurate one ranks higher; where the start counts too, that of the lower loss,
        since validation sets of one's own calls are small.
        """
        loss, accuracy = validate(self._model, self._plan.validation)
        mean = self._losses / self._plan.steps_of_epoch
        number = self.step // self._plan.steps_of_epoch
        epoch = Epoch(number, self.step, round(mean, 6), round(loss, 6), accuracy)
        self.epochs.append(epoch)
        self._losses = 0.0
        figures = {"validation_loss": loss, "validation_accuracy": accuracy}
        few = self._plan.validates_start  # of which the loss says more than the accuracy
        return Validation((-loss, accuracy) if few else epoch.rank, figures)

    def parameters(self) -> dict[str, torch.Tensor]:
        """Return the parameters that learn, by name, in the CPU's memory."""
        return {name: p.detach().cpu() for name, p in self._learnt.items()}

    def put(self, parameters: Mapping[str, torch.Tensor]) -> None:
        """Set the parameters that learn."""
        with torch.no_grad():
            for name, values in parameters.items():
                self._learnt[name].copy_(values)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "fingerprint": self._plan.fingerprint,
            "step": self.step,
            "losses": self._losses,
            "epochs": msgspec.to_builtins(self.epochs),
            "parameters": self.parameters(),
            "optimisers": self._optimisers.state(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from a checkpoint of the same plan."""
        self.put(saved["parameters"])
        self._optimisers.restore(saved["optimisers"])
        self.epochs = msgspec.convert(saved["epochs"], list[Epoch])
        self._losses = saved["losses"]
        self.step = saved["step"]

    @property
    def examples_per_second(self) -> float:
        """Return how fast this process learns, validation aside."""
        return round(self._examples / self._seconds, 1) if self._seconds else 0.0


def learn(
    model: TurnClassifier,
    plan: LearningPlan,
    folder: Path,
    watcher: Watcher | None = None,
    *,
    resume: bool = False,
) -> LearningHistory:
    """Learn to the end and leave the best epoch's weights in the model.

    Two runs of the same plan end with the same weights, wherever one was killed and resumed.

    Args:
        model: Whose parameters that need a gradient learn.
        plan: What to learn.
        folder: For the checkpoint and the best epoch's weights.
        watcher: Is notified of every step and epoch.
        resume: Go on from the checkpoint in the folder, if it is one of this plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    learner = TurnLearner(model, plan)
    settings = LoopSettings(
        steps=plan.steps,
        checkpoint_steps=plan.settings.checkpoint_steps,
        validation_steps=plan.steps_of_epoch,
        validates_start=plan.validates_start,
    )
    loop = TrainingLoop(learner, settings, folder, validate=learner.end_epoch)
    saved = find_checkpoint(folder, plan) if resume else None
    if saved:
        loop.resume(saved)
        log.info("training.resumed", folder=folder.name, step=learner.step)
    with torch.random.fork_rng(devices=[]):
        best = loop.run(plan.batches(learner.step), watcher)
    learner.put(loop.best_parameters() or {})
    return LearningHistory(
        tuple(learner.epochs), best.step // plan.steps_of_epoch, learner.examples_per_second
    )


def find_checkpoint(folder: Path, plan: LearningPlan) -> dict[str, Any] | None:
    """Return the checkpoint of a folder; None where there is none of this plan."""
    path = folder / CHECKPOINT_NAME
    if not path.is_file():
        return None
    saved = read_checkpoint(path)
    is_complete = "progress" in saved  # older versions did not keep it
    return saved if is_complete and saved["fingerprint"] == plan.fingerprint else None


def validate(model: TurnClassifier, texts: LabelledTexts) -> tuple[float, float]:
    """Return the cross-entropy and the accuracy of a model, dropout off."""
    logits = all_logits(model, texts, _VALIDATION_BATCH)
    labels = texts.labels.numpy()
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

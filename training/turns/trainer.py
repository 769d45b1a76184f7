"""The training of a recipe's models, one after another; finished models are kept."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import structlog
import torch
from transformers import AutoConfig

from models.store.manifest import sha256_of
from training.core.devices import choose_device
from training.core.errors import MissingDataError, RecipeError
from training.text.encoder_base import WEIGHTS_NAME, needs_full_padding
from training.turns.corpus.examples import read_examples, set_path
from training.turns.evaluation.record import RECORD_NAME, TrainingRecord, read_record, write_record
from training.turns.learning.calibration import calibrate
from training.turns.learning.classifier import (
    head_path,
    load_classifier,
    load_tokenizer,
    save_classifier,
    starting_classifier,
)
from training.turns.learning.learner import LearningHistory, LearningPlan, learn
from training.turns.learning.model_inputs import TokenRows, frozen_states, label_rows
from training.turns.learning.recipe import Learning

if TYPE_CHECKING:
    from pathlib import Path

    from training.core.loop import Watcher
    from training.turns.corpus.examples import Example, Split
    from training.turns.corpus.prepare import DataReport
    from training.turns.folders import RunFolders
    from training.turns.learning.classifier import TurnClassifier
    from training.turns.learning.model_inputs import LabelledTexts
    from training.turns.learning.recipe import ModelRecipe
    from training.turns.recipe import TurnRecipe

_LIBRARIES = ("torch", "transformers", "tokenizers")
_STATES_BATCH = 64
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Task:
    """A model to train, and everything that decides its weights.

    Attributes:
        knows: It starts from weights that have learnt the task, and may be best as they are.
    """

    recipe: ModelRecipe
    settings: Learning
    fingerprint: str
    parent: Path | None
    is_calibrated: bool
    knows: bool


class ModelTrainer:
    """Trains models from a base and prepared data.

    Args:
        recipe: Of the experiment.
        folders: With the base and the data.
        report: About the data.
        watcher: Is notified of every step.
        resume: Keep finished models and go on with unfinished ones, if nothing changed for them.
    """

    def __init__(
        self,
        recipe: TurnRecipe,
        folders: RunFolders,
        report: DataReport,
        watcher: Watcher,
        *,
        resume: bool,
    ) -> None:
        self._recipe = recipe
        self._folders = folders
        self._report = report
        self._watcher = watcher
        self._resume = resume
        self._device = choose_device(recipe.device)
        self._base_sha256 = sha256_of(folders.base / WEIGHTS_NAME)
        self._tokenizer = load_tokenizer(folders.base)
        self._is_padded = needs_full_padding(AutoConfig.from_pretrained(folders.base))

    def train(self, model: ModelRecipe, out: Path) -> Path:
        """Return the folder ``out/<name>`` of a trained model.

        Raises:
            MissingDataError: The set has no examples.
        """
        folder = out / model.name
        checkpoints = self._folders.checkpoints(model.name)
        task = self._task(model, out)
        if self._resume and _is_finished(folder, task.fingerprint):
            log.info("model.found", model=model.name)
            shutil.rmtree(checkpoints, ignore_errors=True)
            return folder
        (folder / RECORD_NAME).unlink(missing_ok=True)
        if not self._resume:
            shutil.rmtree(checkpoints, ignore_errors=True)
        network = self._network(task)
        start = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        plan = self._plan(task, network)
        history = learn(network, plan, checkpoints, self._watcher, resume=self._resume)
        if task.knows:
            _blend(network, start, task.settings.blend)
        temperature = calibrate(network, plan.validation) if task.is_calibrated else 1.0
        save_classifier(network.cpu(), self._tokenizer, folder)
        record = self._record(task, network, history, examples=len(plan.train.labels))
        write_record(folder, msgspec.structs.replace(record, temperature=temperature))
        shutil.rmtree(checkpoints)
        accuracy, rate = round(history.best.validation_accuracy, 4), history.examples_per_second
        log.info("model.trained", model=model.name, accuracy=accuracy, examples_per_second=rate)
        return folder

    def _task(self, model: ModelRecipe, out: Path) -> _Task:
        recipe = self._recipe
        is_head = model.train == "head"
        settings = _learning(recipe.head if is_head else recipe.optimisation)
        if model.epochs:
            settings = msgspec.structs.replace(settings, epochs=model.epochs)
        parent = out / model.start_from if model.start_from else None
        splits = self._report.sets[model.training_set]
        decisive = {
            "model": model,
            "settings": settings,
            "max_length": recipe.optimisation.max_length,
            "dropout": recipe.optimisation.dropout,
            "seed": recipe.seed,
            "threads": recipe.threads,
            "device": self._device.type,
            "base": self._base_sha256,
            "parent": read_record(parent).fingerprint if parent else "",
            "data": [splits["train"].sha256, splits["validation"].sha256],
        }
        is_calibrated = is_head and recipe.head.calibrate
        if is_calibrated:
            decisive["calibrated"] = True
        head = head_path(self._folders.base, model.name)
        if head is not None:
            decisive["head"] = sha256_of(head)
        fingerprint = hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()
        return _Task(model, settings, fingerprint, parent, is_calibrated, head is not None)

    def _network(self, task: _Task) -> TurnClassifier:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._recipe.seed)
            dropout = self._recipe.optimisation.dropout
            network = starting_classifier(self._folders.base, task.recipe.name, dropout=dropout)
        if task.parent is not None:
            network.load_state_dict(load_classifier(task.parent)[0].state_dict())
        if task.recipe.train == "head":
            learnt = {name for name, _ in network.head_parameters()}
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(name in learnt)
        network.to(self._device)  # type: ignore[arg-type]
        return network

    def _plan(self, task: _Task, network: TurnClassifier) -> LearningPlan:
        rows = self._rows(task, "train"), self._rows(task, "validation")
        seed, settings = self._recipe.seed, task.settings
        train: LabelledTexts
        validation: LabelledTexts
        train, validation = rows
        if task.recipe.train == "head":
            train, validation = (frozen_states(network, one, _STATES_BATCH) for one in rows)
        return LearningPlan(train, validation, settings, seed, task.fingerprint, task.knows)

    def _rows(self, task: _Task, split: Split) -> TokenRows:
        name = task.recipe.training_set
        path = set_path(self._folders.work, name, split)
        examples = read_examples(path)
        wanted = task.recipe.examples
        if split == "train" and wanted:
            examples = _drawn(examples, wanted, self._recipe.seed, name)
        if not examples:
            raise MissingDataError(f"{path} has no examples: raise data.sets.{name}.{split}")
        return label_rows(
            self._tokenizer,
            examples,
            text=task.recipe.text,
            max_length=self._recipe.optimisation.max_length,
            is_full=self._is_padded,
        )

    def _record(
        self, task: _Task, network: TurnClassifier, history: LearningHistory, *, examples: int
    ) -> TrainingRecord:
        recipe, model = self._recipe, task.recipe
        encoder_of, learnt_sets = model.name, [model.training_set]
        if task.parent is not None:
            parent = read_record(task.parent)
            learnt_sets = [*parent.learnt_sets, *learnt_sets]
            encoder_of = parent.encoder_of if model.train == "head" else encoder_of
        elif model.train == "head":
            encoder_of = recipe.base.model
        return TrainingRecord(
            model=model.name,
            experiment=recipe.name,
            fingerprint=task.fingerprint,
            set=model.training_set,
            learnt_sets=tuple(sorted(set(learnt_sets))),
            text_form=model.text,
            languages=recipe.languages,
            max_tokens=recipe.optimisation.max_length,
            padding="full" if self._is_padded else "bucket",
            encoder_of=encoder_of,
            seed=recipe.seed,
            threads=recipe.threads,
            parameters=sum(p.numel() for p in network.parameters()),
            examples=examples,
            base=recipe.base,
            recipe=model,
            settings=task.settings,
            outcome=history,
            data=self._report.sets[model.training_set],
            audit=self._report.audit.get(model.training_set),
            versions={name: version(name) for name in _LIBRARIES},
        )


def _blend(network: TurnClassifier, start: dict[str, torch.Tensor], share: float) -> None:
    """Put a network's weights a share of the way from the start to where they are."""
    learnt = network.state_dict()
    network.load_state_dict(
        {name: tensor + share * (learnt[name] - tensor) for name, tensor in start.items()}
    )


def _learning(settings: Learning) -> Learning:
    """Return the settings of one model, without those that all models share."""
    return Learning(**{name: getattr(settings, name) for name in Learning.__struct_fields__})


def _is_finished(folder: Path, fingerprint: str) -> bool:
    try:
        return read_record(folder).fingerprint == fingerprint
    except MissingDataError:
        return False


def _drawn(examples: list[Example], wanted: int, seed: int, name: str) -> list[Example]:
    """Return a sample of the examples; a smaller one is a part of a larger one of the same seed."""
    if wanted > len(examples):
        message = f"{wanted} examples of {name} are asked for, but there are {len(examples)}"
        raise RecipeError(message)
    order = np.random.default_rng(seed).permutation(len(examples))
    return [examples[i] for i in order[:wanted]]

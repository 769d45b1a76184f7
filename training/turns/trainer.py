"""Train the models of a recipe one by one; a model that is finished stays."""

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

from models.registry import sha256_of
from training.errors import MissingDataError, RecipeError
from training.turns.calibration import calibrate
from training.turns.classifier import (
    WEIGHTS_NAME,
    load_classifier,
    load_tokenizer,
    needs_full_padding,
    new_classifier,
    save_classifier,
)
from training.turns.corpus.examples import read_examples, set_path
from training.turns.evaluation.record import RECORD_NAME, TrainingRecord, read_record, write_record
from training.turns.learning import Learner, LearningPlan, Watcher
from training.turns.material import TokenRows, frozen_states, label_rows
from training.turns.recipe import Learning

if TYPE_CHECKING:
    from pathlib import Path

    from training.turns.classifier import TurnClassifier
    from training.turns.corpus.examples import Example, Split
    from training.turns.corpus.prepare import DataReport
    from training.turns.folders import RunFolders
    from training.turns.learning import Outcome
    from training.turns.recipe import ModelRecipe, TurnRecipe

_LIBRARIES = ("torch", "transformers", "tokenizers")
_STATES_BATCH = 64
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Task:
    """A model that is to learn, and everything that decides how."""

    recipe: ModelRecipe
    settings: Learning
    fingerprint: str
    parent: Path | None
    is_calibrated: bool


class ModelTrainer:
    """Makes trained models of a base and prepared data.

    Args:
        recipe: Of the experiment.
        place: With the base and the data.
        report: About the data.
        watcher: Is told of every step.
        resume: Finished models stay and half-trained ones go on, if nothing changed for them.
    """

    def __init__(
        self,
        recipe: TurnRecipe,
        place: RunFolders,
        report: DataReport,
        watcher: Watcher,
        *,
        resume: bool,
    ) -> None:
        self._recipe = recipe
        self._place = place
        self._report = report
        self._watcher = watcher
        self._resume = resume
        self._device = _device(recipe.device)
        self._base_sha256 = sha256_of(place.base / WEIGHTS_NAME)
        self._tokenizer = load_tokenizer(place.base)
        self._is_padded = needs_full_padding(AutoConfig.from_pretrained(place.base))

    def train(self, model: ModelRecipe, out: Path) -> Path:
        """Return the folder ``out/<name>`` of a trained model.

        Raises:
            MissingDataError: The set has no examples.
        """
        folder = out / model.name
        checkpoints = self._place.checkpoints(model.name)
        task = self._task(model, out)
        if self._resume and _is_finished(folder, task.fingerprint):
            log.info("model.found", model=model.name)
            shutil.rmtree(checkpoints, ignore_errors=True)
            return folder
        (folder / RECORD_NAME).unlink(missing_ok=True)
        if not self._resume:
            shutil.rmtree(checkpoints, ignore_errors=True)
        network = self._network(task)
        plan = self._plan(task, network)
        learner = Learner(network, plan, checkpoints)
        if self._resume and learner.resume():
            log.info("training.resumed", model=model.name, step=learner.step)
        outcome = learner.learn(self._watcher)
        temperature = calibrate(network, plan.validation) if task.is_calibrated else 1.0
        save_classifier(network.cpu(), self._tokenizer, folder)
        record = self._record(task, network, outcome, examples=len(plan.train.labels))
        write_record(folder, msgspec.structs.replace(record, temperature=temperature))
        shutil.rmtree(checkpoints)
        best = outcome.epochs[outcome.best_epoch - 1]
        accuracy, rate = round(best.validation_accuracy, 4), outcome.examples_per_second
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
            "device": self._device,
            "base": self._base_sha256,
            "parent": read_record(parent).fingerprint if parent else "",
            "data": [splits["train"].sha256, splits["validation"].sha256],
        }
        is_calibrated = is_head and recipe.head.calibrate
        if is_calibrated:
            decisive["calibrated"] = True
        fingerprint = hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()
        return _Task(model, settings, fingerprint, parent, is_calibrated)

    def _network(self, task: _Task) -> TurnClassifier:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._recipe.seed)
            dropout = self._recipe.optimisation.dropout
            network = new_classifier(self._place.base, dropout=dropout)
        if task.parent is not None:
            network.load_state_dict(load_classifier(task.parent)[0].state_dict())
        if task.recipe.train == "head":
            learnt = {name for name, _ in network.head_parameters()}
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(name in learnt)
        network.to(torch.device(self._device))  # type: ignore[arg-type]
        return network

    def _plan(self, task: _Task, network: TurnClassifier) -> LearningPlan:
        train, validation = self._material(task, "train"), self._material(task, "validation")
        seed, settings = self._recipe.seed, task.settings
        if task.recipe.train == "head":
            shown = [frozen_states(network, rows, _STATES_BATCH) for rows in (train, validation)]
            return LearningPlan(shown[0], shown[1], settings, seed, task.fingerprint)
        return LearningPlan(train, validation, settings, seed, task.fingerprint)

    def _material(self, task: _Task, split: Split) -> TokenRows:
        name = task.recipe.training_set
        path = set_path(self._place.work, name, split)
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
        self, task: _Task, network: TurnClassifier, outcome: Outcome, *, examples: int
    ) -> TrainingRecord:
        recipe, model = self._recipe, task.recipe
        encoder_of, learnt_sets = model.name, [model.training_set]
        if task.parent is not None:
            parent = read_record(task.parent)
            learnt_sets = [*parent.learnt_sets, *learnt_sets]
            encoder_of = parent.encoder_of if model.train == "head" else encoder_of
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
            outcome=outcome,
            data=self._report.sets[model.training_set],
            audit=self._report.audit.get(model.training_set),
            versions={name: version(name) for name in _LIBRARIES},
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
    """Return some of the examples; fewer of the same seed are a part of more."""
    if wanted > len(examples):
        message = f"{wanted} examples of {name} are asked for, but there are {len(examples)}"
        raise RecipeError(message)
    order = np.random.default_rng(seed).permutation(len(examples))
    return [examples[i] for i in order[:wanted]]


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RecipeError("device: there is no CUDA on this machine; use 'auto'")
    return wanted

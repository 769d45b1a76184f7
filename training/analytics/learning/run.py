"""The training of one adapter, from the corpus on disk to its folder and report."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from models.analytics.guide import load_guide
from schemas.errors import CallstreamError
from training.analytics.corpus.files import read_split
from training.analytics.learning.base import find_base, load_tokenizer
from training.analytics.learning.learner import AdapterLearner, steps_of, upcoming
from training.analytics.learning.network import load_network
from training.analytics.learning.report import RunFacts, make_report, write_report
from training.analytics.learning.rows import row_writer, rows_sha256
from training.analytics.learning.start import start_sha256
from training.analytics.learning.states import LowerStates, state_store
from training.core.checkpoints import CHECKPOINT_NAME, METRICS_NAME, read_checkpoint
from training.core.devices import choose_device, torch_threads
from training.core.errors import MissingDataError, RecipeError
from training.core.interruption import stop_requests
from training.core.loop import LoopSettings, TrainingLoop
from training.core.optimisers import Schedule
from training.core.run_metrics import MetricsLog
from training.core.sampling import spread_evenly
from training.core.transformers_output import without_remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from training.analytics.corpus.examples import Example
    from training.analytics.learning.answer_learner import AnswerLearner
    from training.analytics.learning.base import BaseFiles
    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.analytics.learning.report import ReportedNetwork, RunReport
    from training.analytics.learning.rows import Row
    from training.core.loop import Progress, Validation

ADAPTER_FOLDER, STATES_FOLDER = "adapter", "states"
# Of the recipe: what decides neither weights nor which of them are kept.
_UNDECISIVE = ("prices", "data", "threads", "device", "mlx")
_UNDECISIVE_LEARNING = ("checkpoint_steps", "report_steps")


class StoppedTrainingError(CallstreamError):
    """Somebody asked the training to stop, and it has written a checkpoint."""


@dataclass(frozen=True)
class LearningRows:
    """What an adapter learns from.

    Attributes:
        train: To learn from.
        validation: To choose the best step with.
    """

    train: Sequence[Row]
    validation: Sequence[Row]


@dataclass(frozen=True)
class LearningExamples:
    """What rows are made of.

    Attributes:
        train: To learn from.
        validation: To choose the best step with.
    """

    train: Sequence[Example]
    validation: Sequence[Example]


def learn_adapter(
    recipe: AnalyticsRecipe,
    examples: LearningExamples,
    work: Path,
    *,
    resume: bool = False,
    finish: bool = False,
) -> RunReport:
    """Train an adapter and write it with its report into ``work``; return the report.

    Two runs of the same recipe and examples on the same machine end with the same weights, wherever
    one was stopped and resumed.

    Args:
        recipe: What decides the weights.
        examples: To learn from.
        work: Folder of the run: checkpoint, metrics, adapter, report.
        resume: Go on from its checkpoint, if there is one.
        finish: Take no further step: write the best adapter that the run had until its checkpoint.

    Raises:
        ConfigurationError: The recipe does not fit the base, the guide, the examples, this machine
            or the checkpoint.
        MissingDataError: There are no examples, or the base cannot be loaded.
        StoppedTrainingError: SIGTERM or SIGINT came; the checkpoint is written.
    """
    if not examples.train or not examples.validation:
        raise MissingDataError("a training needs examples for training and for validation")
    work.mkdir(parents=True, exist_ok=True)
    device = choose_device(recipe.device)
    with torch_threads(recipe.threads), without_remarks():
        files = find_base(recipe.base.model)
        rows = learning_rows(recipe, examples, files)
        network = load_network(recipe, files, device)
        store = state_store(recipe.learning.states, work.parent / STATES_FOLDER)
        base_sha256 = files.sha256()

        def learner(schedule: Schedule, fingerprint: str) -> AdapterLearner:
            states = LowerStates(network, store, base_sha256)
            return AdapterLearner(
                network, states, schedule, seed=recipe.seed, fingerprint=fingerprint
            )

        run = Run(recipe, rows, Learnt(network, base_sha256, learner), work)
        progress = run.learn(resume=resume, finish=finish)
        return run.finish(progress)


def learning_rows(
    recipe: AnalyticsRecipe, examples: LearningExamples, files: BaseFiles
) -> LearningRows:
    """Return the rows of a recipe.

    Raises:
        ConfigurationError: The recipe does not fit base, guide or examples.
        MissingDataError: The tokenizer cannot be loaded.
    """
    guide = load_guide(recipe.guide)
    others = {each.guide for each in examples.train} - {guide.versioned_name}
    if others:
        raise RecipeError(
            f"guide: the corpus is of {', '.join(sorted(others))}, not {guide.versioned_name}: "
            "prepare it again, or name its guide"
        )
    writer = row_writer(recipe, guide, load_tokenizer(files))
    most = recipe.learning.validation_rows or len(examples.validation)
    chosen = [examples.validation[n] for n in spread_evenly(len(examples.validation), most)]
    return LearningRows(writer.rows(examples.train, "train"), writer.rows(chosen, "validation"))


@dataclass(frozen=True)
class Learnt:
    """What learns in a run.

    Attributes:
        network: Base and adapter.
        base_sha256: Of the base.
        learner: Returns a learner by the schedule and the fingerprint of the run.
        runtime: Decides the weights too; empty for torch.
        decays: The rate falls linearly to 0 after the warm-up; else it stays.
    """

    network: ReportedNetwork
    base_sha256: str
    learner: Callable[[Schedule, str], AnswerLearner]
    runtime: str = ""
    decays: bool = True


class Run:
    """One training: its learner, its loop, its folder."""

    def __init__(
        self, recipe: AnalyticsRecipe, rows: LearningRows, learnt: Learnt, work: Path
    ) -> None:
        learning = recipe.learning
        self._recipe, self._rows, self._network, self._work = recipe, rows, learnt.network, work
        self._base_sha256 = learnt.base_sha256
        self._steps = steps_of(len(rows.train), recipe)
        warmup = round(learning.warmup * self._steps)
        schedule = Schedule(
            steps=self._steps,
            decay_from=warmup if learnt.decays else self._steps,
            warmup_steps=warmup,
            learning_rate=learning.learning_rate,
            weight_decay=learning.weight_decay,
            clip_norm=learning.clip_norm,
        )
        self._fingerprint = _fingerprint(recipe, rows, learnt)
        self._learner = learnt.learner(schedule, self._fingerprint)

    def learn(self, *, resume: bool, finish: bool = False) -> Progress:
        """Learn to the end and take the best parameters; see `learn_adapter`."""
        learning, learner = self._recipe.learning, self._learner
        settings = LoopSettings(
            steps=self._steps,
            checkpoint_steps=learning.checkpoint_steps,
            validation_steps=learning.validation_steps,
            patience=learning.patience,
            validates_start=True,
        )
        loop: TrainingLoop[Any] = TrainingLoop(
            learner,
            settings,
            self._work,
            validate=self._validate,
        )
        checkpoint = self._work / CHECKPOINT_NAME
        if finish and not checkpoint.is_file():
            raise MissingDataError(f"there is no run to finish: {checkpoint} is missing")
        if (resume or finish) and checkpoint.is_file():
            saved = read_checkpoint(checkpoint)
            if saved.get("fingerprint") != self._fingerprint:
                raise RecipeError(
                    f"{checkpoint} is of another recipe or other examples: leave --resume out to "
                    "begin anew"
                )
            loop.resume(saved)
        if not finish:
            self._take_steps(loop)
        best = loop.best_parameters()
        if best is not None:
            learner.put(best)
        return loop.progress

    def _take_steps(self, loop: TrainingLoop[Any]) -> None:
        learner = self._learner
        metrics = MetricsLog(
            self._work / METRICS_NAME,
            self._recipe.name,
            step=learner.step,
            report_steps=self._recipe.learning.report_steps,
        )
        batches = upcoming(self._rows.train, self._recipe, learner.step)
        with stop_requests() as is_stopped, metrics:
            loop.run(batches, metrics, is_stopped)
        if not loop.is_over:
            raise StoppedTrainingError(
                f"stopped after step {learner.step} of {self._steps}; --resume goes on from there"
            )

    def finish(self, progress: Progress) -> RunReport:
        """Write the adapter and the report; return the report."""
        folder = self._work / ADAPTER_FOLDER
        _replace_adapter(self._network, folder)
        learner = self._learner
        facts = RunFacts(
            base_sha256=self._base_sha256,
            fingerprint=self._fingerprint,
            rows={"train": len(self._rows.train), "validation": len(self._rows.validation)},
            longest_row=max(len(row.ids) for row in self._rows.train),
            planned_steps=self._steps,
            steps=learner.step,
            tokens=learner.tokens,
            step_seconds=learner.step_seconds,
            validation_seconds=learner.validation_seconds,
        )
        report = make_report(self._recipe, facts, self._network, progress, folder)
        write_report(report, self._work)
        return report

    def _validate(self) -> Validation:
        return self._learner.validate(self._rows.validation, self._recipe.learning.batch)


def _fingerprint(recipe: AnalyticsRecipe, rows: LearningRows, learnt: Learnt) -> str:
    """Return the hash of everything that decides the weights, and which of them are kept."""
    settings: dict[str, Any] = msgspec.to_builtins(recipe)
    for name in _UNDECISIVE:
        del settings[name]
    for name in _UNDECISIVE_LEARNING:
        del settings["learning"][name]
    decisive = {
        "recipe": settings,
        "base": learnt.base_sha256,
        "train": rows_sha256(rows.train),
        "validation": rows_sha256(rows.validation),
    }
    if recipe.lora.start:
        decisive["start"] = start_sha256(recipe.lora)
    if learnt.runtime:
        decisive["runtime"] = learnt.runtime
    return hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()


def _replace_adapter(network: ReportedNetwork, folder: Path) -> None:
    """Write the adapter, whole, in place of an older one."""
    partial, older = (folder.with_name(f"{folder.name}.{each}") for each in ("partial", "older"))
    for path in (partial, older):
        shutil.rmtree(path, ignore_errors=True)
    network.save_adapter(partial)
    if folder.exists():
        folder.rename(older)
    partial.rename(folder)
    shutil.rmtree(older, ignore_errors=True)


def read_corpus(folder: Path) -> LearningExamples:
    """Return the examples of a prepared corpus.

    Args:
        folder: With ``train.jsonl`` and ``validation.jsonl``, or of the run.

    Raises:
        MissingDataError: A file is missing, is not the one of its manifest, or of another form.
    """
    return LearningExamples(read_split(folder, "train"), read_split(folder, "validation"))

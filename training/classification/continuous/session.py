"""One session: learn from the champion on, measure, and make the next version if it is better."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import structlog

from models.classification.manifest import load_classification_manifest
from models.store.history import ModelHistory, RowsUsed, Session, write_history
from models.store.layout import versions_in
from models.store.manifest import write_manifest
from models.store.numbered import number_of
from schemas.errors import ModelIntegrityError
from training.classification.continuous.champion import NETWORK
from training.classification.continuous.comparison import measure_model
from training.classification.continuous.rows import (
    CORRECTIONS,
    LEARNT,
    NEW,
    learnt_path,
    read_learnt,
    rows_used,
)
from training.classification.corpus.rows import write_rows
from training.classification.evaluation.calibration import write_calibration
from training.classification.evaluation.evaluator import VALIDATION, evaluate
from training.classification.evaluation.measured import exported_model, trained_model
from training.classification.export.exporter import ExportOptions, export_graph
from training.classification.learning.inputs import read_calls
from training.classification.learning.run import LearningFolders, LearningRows, learn
from training.classification.learning.trained import load_classifier
from training.classification.similarity.embeddings import write_embeddings
from training.core.devices import torch_threads
from training.measuring.decision import AVERAGE, Decision, Measured, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.classification.label_set import LabelSet
    from training.classification.continuous.champion import Champion
    from training.classification.continuous.recipe import ContinuousRecipe
    from training.classification.continuous.rows import SessionRows
    from training.classification.corpus.rows import Row
    from training.classification.evaluation.recipe import EvaluationRecipe
    from training.classification.learning.recipe import NetworkRecipe
    from training.core.loop import Watcher

NOTHING = Measured({}, {})
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SessionPlan:
    """What a session does, and where.

    Attributes:
        recipe: Of the network and its learning.
        continuous: Of the session.
        evaluation: What is measured.
        label_set: Name of one that ships, or the path of a TOML file.
        folder: Of the versions.
        work: For the candidate and its checkpoints.
    """

    recipe: NetworkRecipe
    continuous: ContinuousRecipe
    evaluation: EvaluationRecipe
    label_set: str
    folder: Path
    work: Path


class Outcome(NamedTuple):
    """What a session led to.

    Attributes:
        session: As the history has it.
        candidate: What it reaches.
        champion: What the champion reaches on the same rows; None without one.
    """

    session: Session
    candidate: Measured
    champion: Measured | None


class ContinuousSession:
    """A session of training.

    Args:
        plan: What it does.
        rows: To learn from.
        held_out: ``validation``, which is frozen and decides, and test sets by name, which are
            reported.
        label_set: That is trained.
        champion: To start from and to compare with; None in a first session without a start.
    """

    def __init__(
        self,
        plan: SessionPlan,
        rows: SessionRows,
        held_out: Mapping[str, Sequence[Row]],
        label_set: LabelSet,
        champion: Champion | None,
    ) -> None:
        self._plan = plan
        self._rows = rows
        self._held_out = held_out
        self._label_set = label_set
        self._champion = champion

    def run(
        self, history: ModelHistory, watcher: Callable[[int], Watcher], *, resume: bool = False
    ) -> Outcome:
        """Learn, measure, keep or not; return what came of it, which the history has then.

        Args:
            history: Until now.
            watcher: Returns who is told about steps and validations, from a step on.
            resume: Go on from the last checkpoint of the work folder.

        Raises:
            RecipeError: The recipe does not fit the rows or the start.
            MissingDataError: The start is missing.
            ModelIntegrityError: The champion is damaged.
        """
        began, began_s = datetime.now(UTC), time.perf_counter()
        plan = self._plan
        champion = self._measured_champion()
        network = plan.work / "model"
        learn(
            self._recipe(),
            LearningRows(plan.label_set, self._rows.train, self._rows.selection),
            LearningFolders(plan.work, network),
            watcher,
            resume=resume,
        )
        version = f"{plan.recipe.name}{_next_number(plan.folder, history)}"
        partial = plan.folder / f".{version}.{os.getpid()}.partial"
        try:
            candidate, decision = self._candidate(network, partial, version, champion)
            if decision.is_kept:
                self._install(network, partial, version)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        session = Session(
            number=len(history.sessions) + 1,
            began_at=began.isoformat(timespec="seconds"),
            seconds=round(time.perf_counter() - began_s, 1),
            label_set=self._label_set.versioned_name,
            start=self._champion.name if self._champion else plan.recipe.base.model,
            champion=self._champion.name if self._champion else "",
            is_kept=decision.is_kept,
            reason=decision.reason,
            version=version if decision.is_kept else "",
            path=str((plan.folder / version).absolute()) if decision.is_kept else "",
            data=self._data(),
            metrics=dict(candidate.metrics),
            champion_metrics=dict(champion.metrics) if champion else {},
        )
        sessions = (*history.sessions, session)
        write_history(plan.folder, msgspec.structs.replace(history, sessions=sessions))
        log.info(
            "classification.session_ended",
            version=session.version,
            is_kept=session.is_kept,
            reason=session.reason,
        )
        return Outcome(session, candidate, champion)

    def _recipe(self) -> NetworkRecipe:
        """Return the recipe of the session: its start, rates, and how often rows are read."""
        recipe, continuous = self._plan.recipe, self._plan.continuous
        known = recipe.learning.source_shares
        shares = {
            row.source: known.get(row.source, 1.0) * continuous.replay_share
            for row in self._rows.replayed
        }
        if self._rows.new:
            shares[NEW] = continuous.new_share
        if self._rows.corrections:
            shares[CORRECTIONS] = continuous.corrections_share
        learning = msgspec.structs.replace(recipe.learning, source_shares=shares)
        if self._champion is None:
            return msgspec.structs.replace(recipe, learning=learning)
        learning = msgspec.structs.replace(
            learning,
            epochs=continuous.epochs,
            learning_rate=learning.learning_rate * continuous.rate,
        )
        return msgspec.structs.replace(recipe, learning=learning, start=self._champion.start)

    def _measured_champion(self) -> Measured | None:
        if self._champion is None:
            return None
        model, calibration = self._champion.measurable()
        with torch_threads(self._plan.recipe.threads):
            return measure_model(
                model, calibration, self._held_out, self._label_set, self._plan.evaluation
            )

    def _candidate(
        self, network: Path, partial: Path, version: str, champion: Measured | None
    ) -> tuple[Measured, Decision]:
        """Return what the candidate reaches in the form that serves, and whether it is kept."""
        plan, validation = self._plan, {VALIDATION: self._held_out[VALIDATION]}
        with torch_threads(plan.recipe.threads):
            trained = evaluate(trained_model(network), None, validation, plan.evaluation)
            write_calibration(network, trained.calibration)
            options = ExportOptions(name=version, least_agreement=plan.continuous.least_agreement)
            try:
                exported = export_graph(network, partial, self._calls(network), options)
            except ModelIntegrityError as error:
                return NOTHING, Decision(is_kept=False, reason=str(error))
            write_embeddings(exported.manifest, self._rows.train)
            candidate = measure_model(
                *exported_model(exported.manifest),
                self._held_out,
                self._label_set,
                plan.evaluation,
            )
        manifest = load_classification_manifest(exported.manifest)
        average = candidate.metrics[AVERAGE]
        write_manifest(msgspec.structs.replace(manifest, eval_avg_acc=average), exported.manifest)
        return candidate, decide(candidate, champion, plan.continuous.largest_loss)

    def _calls(self, network: Path) -> list[list[int]]:
        """Return calls that were not learnt, for the comparison of graph and network."""
        trained = load_classifier(network)
        rows = [row for part in self._held_out.values() for row in part]
        return read_calls(rows, trained.tokenizer, trained.label_set)[0].ids

    def _install(self, network: Path, partial: Path, version: str) -> None:
        """Make the version in one go, and remember its new rows for later sessions."""
        shutil.copytree(network, partial / NETWORK)
        partial.replace(self._plan.folder / version)
        if self._rows.new:
            learnt = [msgspec.structs.replace(row, source=LEARNT) for row in self._rows.new]
            folder = self._plan.folder
            write_rows(learnt_path(folder), [*read_learnt(folder), *learnt])

    def _data(self) -> dict[str, RowsUsed]:
        rows = self._rows
        used = {
            "replayed": rows.replayed,
            NEW: rows.new,
            CORRECTIONS: rows.corrections,
            "selection": rows.selection,
            **self._held_out,
        }
        return {name: rows_used(each) for name, each in used.items()}


def _next_number(folder: Path, history: ModelHistory) -> int:
    names = [*versions_in(folder), *(each.version for each in history.sessions)]
    return 1 + max(map(number_of, names), default=0)

"""Continuous learning of a classification model: the rows, the frozen validation set, a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.classification.label_set import load_label_set
from models.store.history import ModelHistory, read_history
from training.classification.continuous.champion import find_champion
from training.classification.continuous.rows import (
    GONE,
    NEW,
    PresentRows,
    check_sources,
    gather_rows,
    read_corrections,
    read_labelled,
    read_learnt,
    rows_used,
    with_present_names,
)
from training.classification.continuous.session import ContinuousSession, SessionPlan
from training.classification.corpus.rows import rows_path
from training.classification.evaluation.evaluator import VALIDATION
from training.classification.evaluation.held_out_rows import held_out_rows
from training.classification.experiment import check_label_set, read_splits, watched
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classification.label_set import LabelSet
    from training.classification.continuous.session import Outcome
    from training.classification.corpus.rows import Row
    from training.classification.recipe import ClassificationRecipe

SESSION_FOLDER = "session"


@dataclass(frozen=True)
class Given:
    """What a session is given.

    Attributes:
        folder: Of the versions.
        work: With the prepared rows of the recipe, and for the candidate.
        new: Files of calls that were labelled since.
        corrections: A file of `callstream feedback export`; None without.
        accepts_validation: A validation set that has changed is the frozen one from now on.
    """

    folder: Path
    work: Path
    new: Sequence[Path] = ()
    corrections: Path | None = None
    accepts_validation: bool = False


def continue_classifier(
    recipe: ClassificationRecipe, given: Given, *, resume: bool = False
) -> tuple[Outcome, Mapping[str, int]]:
    """Train from the champion on, and keep the next version if it is better.

    Returns:
        What came of the session, and which rows were left out, by why.

    Raises:
        RecipeError: The recipe does not fit the versions or the rows, or the validation set is
            another one than before.
        MissingDataError: Rows are missing, or there is nothing to learn from.
        ModelIntegrityError: The champion is damaged.
    """
    label_set = load_label_set(recipe.data.label_set)
    check_label_set(given.work, label_set)
    splits = read_splits(given.work)
    held_out: dict[str, Sequence[Row]] = {
        VALIDATION: splits[VALIDATION],
        "test": splits["test"],
        **held_out_rows(label_set),
    }
    history = _history(recipe.name, splits[VALIDATION], given)
    given_rows, forgotten = _given_rows(splits["train"], given, label_set)
    rows = gather_rows(
        given_rows,
        [row for part in held_out.values() for row in part],
        label_set,
        recipe.continuous.selection_share,
    )
    plan = SessionPlan(
        recipe,
        recipe.continuous,
        recipe.evaluation,
        recipe.data.label_set,
        given.folder,
        given.work / SESSION_FOLDER,
    )
    champion = find_champion(given.folder, recipe.start, label_set)
    session = ContinuousSession(plan, rows, held_out, label_set, champion)
    with watched(plan.work, recipe.name) as watcher:
        outcome = session.run(history, watcher, resume=resume)
    return outcome, {**rows.left_out, **({GONE: forgotten} if forgotten else {})}


def _given_rows(
    train: Sequence[Row], given: Given, label_set: LabelSet
) -> tuple[tuple[list[Row], list[Row], list[Row]], int]:
    """Return rows that were learnt, new and corrected ones, and how many have lost labels."""
    check_sources(train)
    new = [row for path in given.new for row in read_labelled(path, label_set, NEW)]
    path = given.corrections
    corrected = PresentRows([], 0) if path is None else read_corrections(path, label_set)
    learnt = with_present_names(read_learnt(given.folder), label_set)
    forgotten = corrected.forgotten + learnt.forgotten
    return ([*train, *learnt.rows], new, corrected.rows), forgotten


def _history(name: str, validation: Sequence[Row], given: Given) -> ModelHistory:
    """Return the history of the versions, with the validation set that is frozen.

    Raises:
        RecipeError: The versions are of another model, or the validation set has changed.
    """
    if name[-1:].isdigit():
        raise RecipeError(f"name: versions are {name}1, {name}2 ..: no digit may stand at its end")
    frozen = rows_used(validation)
    history = read_history(given.folder)
    if history is None:
        return ModelHistory(name=name, validation=frozen)
    if history.name != name:
        raise RecipeError(f"name: the versions in {given.folder} are of {history.name!r}")
    path = rows_path(given.work, "validation")
    if history.validation != frozen and not given.accepts_validation:
        raise RecipeError(
            f"the validation set {path} ({frozen.rows} rows, "
            f"{frozen.fingerprint[:12]}) is not the frozen one ({history.validation.rows} rows, "
            f"{history.validation.fingerprint[:12]}): restore it, or compare on this one from now "
            "on with --new-validation"
        )
    return msgspec.structs.replace(history, validation=frozen)

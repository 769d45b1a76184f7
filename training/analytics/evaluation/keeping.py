"""Whether an adapter becomes the next version: better on the frozen validation set."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from models.analytics.manifest import load_analytics_manifest
from models.store.files import find_manifests
from models.store.history import ModelHistory, RowsUsed, Session, read_history, write_history
from models.store.layout import versions_in
from models.store.manifest import verified_weights, write_manifest
from models.store.numbered import champion_of, number_of
from training.analytics.evaluation.results import SCORE
from training.core.errors import RecipeError
from training.measuring.decision import Measured, decide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.analytics.evaluation.results import DataUsed, SetResult

PREFIX = "eval"
LARGEST_LOSS = 0.02  # by which a figure with a target may fall where the mean rises


@dataclass(frozen=True)
class Candidate:
    """An adapter that may become a version.

    Attributes:
        manifest: Of it.
        folder: Of the versions; made where there is none.
        name: Of the versions, without their number.
        guide: Versioned name of the guide.
    """

    manifest: Path
    folder: Path
    name: str
    guide: str


def keep_if_better(
    candidate: Candidate,
    validation: DataUsed,
    measure: Callable[[Path], SetResult],
    *,
    accepts_validation: bool = False,
) -> Session:
    """Make the next version of a candidate if it is better than the version that serves.

    Both are measured on the frozen validation set. Better is a higher ``eval_score``, the mean of
    the figures that have a target, while none of these falls by more than `LARGEST_LOSS`.

    Args:
        candidate: The adapter.
        validation: What it is measured on.
        measure: Returns the figures of the model of a manifest on the validation set.
        accepts_validation: A validation set that has changed is the frozen one from now on.

    Raises:
        RecipeError: The validation set is another one than before, or the versions are of another
            model.
        CallstreamError: A model cannot be used.
    """
    began, began_s = datetime.now(UTC), time.perf_counter()
    frozen = RowsUsed(validation.calls, validation.fingerprint)
    history = _history(candidate, frozen, accepts_validation=accepts_validation)
    champion = champion_of(candidate.folder)
    manifests = find_manifests(candidate.folder / champion) if champion else []
    before = _measured(measure(manifests[0])) if manifests else None
    after = _measured(measure(candidate.manifest))
    decision = decide(after, before, LARGEST_LOSS, SCORE)
    version = f"{candidate.name}{_next_number(candidate.folder, history)}"
    if decision.is_kept:
        _install(candidate, version, after)
    session = Session(
        number=len(history.sessions) + 1,
        began_at=began.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - began_s, 1),
        label_set=candidate.guide,
        start=load_analytics_manifest(candidate.manifest).versioned_name,
        champion=champion if manifests else "",
        is_kept=decision.is_kept,
        reason=decision.reason,
        version=version if decision.is_kept else "",
        path=str((candidate.folder / version).absolute()) if decision.is_kept else "",
        data={"validation": frozen},
        metrics=dict(after.metrics),
        champion_metrics=dict(before.metrics) if before else {},
    )
    write_history(candidate.folder, replace(history, sessions=(*history.sessions, session)))
    return session


def _measured(result: SetResult) -> Measured:
    """Return what decides: the score, and the figures that have a target."""
    metrics = {SCORE: result.score} | {
        f"{PREFIX}_{name}": each.figure.value for name, each in result.metrics.items()
    }
    targets = {
        name: each.figure.value for name, each in result.metrics.items() if each.target is not None
    }
    return Measured(metrics, targets)


def _history(candidate: Candidate, frozen: RowsUsed, *, accepts_validation: bool) -> ModelHistory:
    name = candidate.name
    if name[-1:].isdigit():
        raise RecipeError(
            f"--name: versions are {name}1, {name}2 ..: no digit may stand at its end"
        )
    history = read_history(candidate.folder)
    if history is None:
        return ModelHistory(name=name, validation=frozen)
    if history.name != name:
        raise RecipeError(f"--name: the versions in {candidate.folder} are of {history.name!r}")
    if history.validation != frozen and not accepts_validation:
        raise RecipeError(
            f"the validation set ({frozen.rows} calls, {frozen.fingerprint[:12]}) is not the "
            f"frozen one ({history.validation.rows} calls, "
            f"{history.validation.fingerprint[:12]}): restore it, or compare on this one from now "
            "on with --new-validation"
        )
    return replace(history, validation=frozen)


def _install(candidate: Candidate, version: str, measured: Measured) -> None:
    """Copy the files of a candidate into the folder of its version, whole or not at all."""
    source, target = candidate.manifest, candidate.folder / version
    manifest = load_analytics_manifest(source)
    verified_weights(source, manifest)
    partial = candidate.folder / f".{version}.{os.getpid()}"
    for name in (manifest.file, *manifest.other_files):
        place = partial / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source.parent / name, place)
    named = replace(manifest, name=version, metrics=dict(measured.metrics))
    write_manifest(named, partial / f"{version}.json")
    partial.replace(target)


def _next_number(folder: Path, history: ModelHistory) -> int:
    names = [*versions_in(folder), *(each.version for each in history.sessions)]
    return 1 + max(map(number_of, names), default=0)

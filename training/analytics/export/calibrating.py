"""Lines that make an adapter's confidences probabilities, from its answers to validation calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec.structs import replace

from models.analytics.manifest import load_analytics_manifest
from models.console import WorkProgress
from models.log_odds import ConfidenceLine, logit
from models.store.manifest import write_manifest
from training.analytics.corpus.files import read_split
from training.analytics.evaluation.opening import UNCALIBRATED, manifest_of, opened
from training.analytics.evaluation.sets import VALIDATION
from training.analytics.measures.findings import claims
from training.measuring.logistic import MIN_SLOPE, logistic_line, platt_targets
from training.measuring.reliability import calibration_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from models.analytics.backends.choice import BackendOptions
    from training.analytics.measures.findings import Answered, Claim

MIN_CLAIMS = 50  # fewer give no line
MIN_OF_EACH = 5  # right and wrong ones
_BATCH = 4


class FittedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A task's line, and what it does for answers that it was not fitted on.

    Attributes:
        claims: Answers with a confidence.
        error_before: Expected calibration error of the model's own confidences.
        error_after: With a line fitted on every other call, of the calls between, both ways.
        line: Fitted on all of them.
    """

    claims: int
    error_before: float
    error_after: float
    line: ConfidenceLine


def calibrate(model: Path, data: Path, options: BackendOptions) -> dict[str, FittedLine]:
    """Return a line for each task that has enough answers, after writing them into the manifest.

    Where no task has, the manifest stays as it is.

    Args:
        model: Manifest of the adapter, or its folder.
        data: Folder of the splits, or of a run; the validation calls are answered.
        options: What runs the model.

    Raises:
        CallstreamError: The model or the calls cannot be used.
    """
    path, examples = manifest_of(model), read_split(data, VALIDATION)
    answers: list[Answered] = []
    with opened(path, options, UNCALIBRATED) as answerer, WorkProgress() as progress:
        row = progress.add_task("calls", total=len(examples))
        for start in range(0, len(examples), _BATCH):
            chosen = examples[start : start + _BATCH]
            answers += [each.answered for each in answerer.answer(chosen)]
            progress.advance(row, len(chosen))
    found = fit_lines(answers)
    if found:
        lines = {task: each.line for task, each in found.items()}
        write_manifest(replace(load_analytics_manifest(path), confidences=lines), path)
    return found


def fit_lines(answers: Iterable[Answered]) -> dict[str, FittedLine]:
    """Return a line for each task of which enough answers are right and enough are wrong."""
    by_task: dict[str, list[tuple[int, Claim]]] = {}
    for number, each in enumerate(answers):
        for claim in claims(each):
            by_task.setdefault(claim.task, []).append((number, claim))
    return {task: _fitted(own) for task, own in by_task.items() if _is_enough(own)}


def _is_enough(own: Sequence[tuple[int, Claim]]) -> bool:
    right = sum(claim.is_right for _, claim in own)
    return len(own) >= MIN_CLAIMS and min(right, len(own) - right) >= MIN_OF_EACH


def _fitted(own: Sequence[tuple[int, Claim]]) -> FittedLine:
    confidence = np.array([claim.confidence for _, claim in own], float)
    is_right = np.array([claim.is_right for _, claim in own], bool)
    is_even = np.array([number % 2 == 0 for number, _ in own], bool)
    unseen = np.empty(len(own))
    for half in (is_even, ~is_even):
        line = _line(confidence[half], is_right[half]) if half.any() else ConfidenceLine()
        unseen[~half] = [line(each) for each in confidence[~half]]
    return FittedLine(
        claims=len(own),
        error_before=float(calibration_error(confidence, is_right)),
        error_after=float(calibration_error(unseen, is_right)),
        line=_line(confidence, is_right),
    )


def _line(confidence: npt.NDArray[np.floating], is_right: npt.NDArray[np.bool_]) -> ConfidenceLine:
    inputs = np.array([(logit(float(each)), 1.0) for each in confidence])
    slope, intercept = logistic_line(inputs, platt_targets(is_right))
    return ConfidenceLine(slope=max(slope, MIN_SLOPE), intercept=intercept)

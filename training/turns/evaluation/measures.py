"""Measures of how well probabilities of completeness fit the labels."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from sklearn.metrics import (  # type: ignore[import-untyped]
    precision_recall_fscore_support,
    roc_auc_score,
)

from models.intervals import Interval, wilson
from training.measuring.reliability import ReliabilityBin, calibration_error, reliability

if TYPE_CHECKING:
    from collections.abc import Sequence

_BINS = 10
_THRESHOLDS = tuple(round(0.02 * i, 2) for i in range(1, 50))


class Share(msgspec.Struct, frozen=True):
    """The share of some examples that were judged correctly."""

    examples: int
    accuracy: float
    interval: Interval


class OperatingPoint(msgspec.Struct, frozen=True):
    """The errors at a threshold.

    Attributes:
        threshold: Probability from which an utterance counts as complete.
        interrupts: Share of the incomplete that count as complete.
        waits: Share of the complete that count as incomplete.
    """

    threshold: float
    interrupts: float
    waits: float


class SetResult(msgspec.Struct, frozen=True):
    """One model on one test set.

    Attributes:
        complete: Examples of this label; precision, recall and F1 are of it.
        false_interrupts: Incomplete utterances that count as complete.
        false_waits: Complete utterances that count as incomplete.
        auc: Probability that a complete utterance scores higher than an incomplete one.
        calibration_error: Mean distance between probability and share over the bins.
        operations: At other thresholds.
        bins: Probabilities against shares.
        sources: By the source of the examples.
        unlike_training: Of the examples that share neither eight words in a row nor nearly all
            their characters with one that the model learnt from; on the model's own set.
    """

    model: str
    set: str
    threshold: float
    overall: Share
    complete: int
    incomplete: int
    false_interrupts: int
    false_waits: int
    precision: float
    recall: float
    f1: float
    auc: float | None
    calibration_error: float
    operations: tuple[OperatingPoint, ...]
    bins: tuple[ReliabilityBin, ...]
    sources: dict[str, Share]
    unlike_training: Share | None = None

    @property
    def accuracy(self) -> float:
        """Return the share of all examples that were judged correctly."""
        return self.overall.accuracy


def score_probabilities(
    names: tuple[str, str],
    probabilities: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    *,
    sources: Sequence[str],
    threshold: float,
) -> SetResult:
    """Return how well a model's probabilities fit the labels.

    Args:
        names: Of the model and of the set.
        probabilities: That each utterance is complete.
        labels: 1 where it is.
        sources: Of each example.
        threshold: Probability from which an utterance counts as complete.
    """
    truth = np.asarray(labels, dtype=bool)
    judged = probabilities >= threshold
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, judged, average="binary", zero_division=0.0
    )
    is_mixed = 0 < truth.sum() < len(truth)
    return SetResult(
        model=names[0],
        set=names[1],
        threshold=threshold,
        overall=share_right(judged == truth),
        complete=int(truth.sum()),
        incomplete=int((~truth).sum()),
        false_interrupts=int((judged & ~truth).sum()),
        false_waits=int((~judged & truth).sum()),
        precision=_rounded(precision),
        recall=_rounded(recall),
        f1=_rounded(f1),
        auc=_rounded(roc_auc_score(truth, probabilities)) if is_mixed else None,
        calibration_error=_rounded(calibration_error(probabilities, truth, bins=_BINS)),
        operations=tuple(_operation(probabilities, truth, one) for one in _THRESHOLDS),
        bins=reliability(probabilities, truth, bins=_BINS),
        sources=_by_source(judged == truth, sources),
    )


def share_right(right: np.ndarray) -> Share:
    """Return the share of correct judgements."""
    count = int(right.sum())
    accuracy = _rounded(count / len(right)) if len(right) else 0.0
    return Share(len(right), accuracy, wilson(count, len(right)))


def complete_probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of logits of shape (texts, 2): the share of label 1."""
    return np.asarray(1.0 / (1.0 + np.exp(logits[:, 0] - logits[:, 1])))


def _operation(probabilities: np.ndarray, truth: np.ndarray, threshold: float) -> OperatingPoint:
    judged = probabilities >= threshold
    interrupts = float(judged[~truth].mean()) if (~truth).any() else 0.0
    waits = float((~judged[truth]).mean()) if truth.any() else 0.0
    return OperatingPoint(threshold, _rounded(interrupts), _rounded(waits))


def _by_source(right: np.ndarray, sources: Sequence[str]) -> dict[str, Share]:
    indices: defaultdict[str, list[int]] = defaultdict(list)
    for index, source in enumerate(sources):
        indices[source].append(index)
    return {source: share_right(right[indices[source]]) for source in sorted(indices)}


def _rounded(value: float) -> float:
    return round(float(value), 5)

"""How far confidences say how often answers are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.floating]

BINS = 15


class ReliabilityBin(msgspec.Struct, frozen=True):
    """Answers of about the same confidence."""

    answers: int
    confidence: float
    right: float


def reliability(
    confidence: FloatArray, is_right: npt.NDArray[np.bool_], *, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return the share of right answers by confidence, in bins of equal width."""
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for place in range(bins):
        inside = places == place
        if inside.any():
            mean, share = float(confidence[inside].mean()), float(is_right[inside].mean())
            found.append(ReliabilityBin(int(inside.sum()), round(mean, 5), round(share, 5)))
    return tuple(found)


def calibration_error(
    confidence: FloatArray, is_right: npt.NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Return the expected calibration error: the mean distance of confidence and share right."""
    found = reliability(confidence, is_right, bins=bins)
    distance = sum(each.answers * abs(each.confidence - each.right) for each in found)
    return distance / max(len(confidence), 1)

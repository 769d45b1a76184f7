"""Which passages of a call carried its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from models.classification.windows import Window

    FloatArray = npt.NDArray[np.floating]

WINDOWS_LOOKED_AT = 2  # of each label: where it is strongest
MOST_PASSAGES = 3
LEAST_SHARE = 0.5  # of the strongest passage's probability


def candidates(windows: Sequence[Window], strengths: Sequence[FloatArray]) -> list[int]:
    """Return the passages that are to be read alone: those of the windows where labels are strong.

    Args:
        windows: Of a call.
        strengths: Of each label that was given: its probability in every window.
    """
    chosen = {
        index for strength in strengths for index in np.argsort(-strength)[:WINDOWS_LOOKED_AT]
    }
    found = {
        passage
        for index in chosen
        for passage in range(windows[index].first, windows[index].last + 1)
    }
    return sorted(found)


def strongest(passages: Sequence[int], probabilities: FloatArray) -> tuple[int, ...]:
    """Return the passages that carry a label, the strongest first.

    Args:
        passages: Their indexes.
        probabilities: That each, read alone, has the label.
    """
    if not len(passages):
        return ()
    order = np.argsort(-probabilities, kind="stable")[:MOST_PASSAGES]
    least = LEAST_SHARE * probabilities[order[0]]
    return tuple(passages[index] for index in order if probabilities[index] >= least)

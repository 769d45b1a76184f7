"""The logits of whole calls: of every window, by the trained network or by its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from models.classification.decoding import ReadLogits
from models.classification.readings import read_windows
from models.text.encoder import BUCKETS, MAX_RUN_TOKENS
from training.text.batches import by_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import onnxruntime

    from models.classification.readings import Reading, TokenizedCall
    from training.classification.learning.inputs import Windows
    from training.classification.learning.network import MultiTaskClassifier

    FloatArray = npt.NDArray[np.float32]

_NETWORK_BATCH = 64


class Scorer(Protocol):
    """A model in any form."""

    def logits(self, windows: Sequence[Sequence[int]]) -> FloatArray:
        """Return the logits of windows without special tokens, shape (windows, labels)."""
        ...


class NetworkScorer:
    """A trained network.

    Args:
        network: In evaluation mode.
        inputs: How windows are made into inputs.
    """

    def __init__(self, network: MultiTaskClassifier, inputs: Windows) -> None:
        self._network = network
        self._inputs = inputs

    def logits(self, windows: Sequence[Sequence[int]]) -> FloatArray:
        """Return the logits of windows without special tokens, shape (windows, labels)."""
        width = self._network.tasks[-1].stop
        found = np.zeros((len(windows), width), np.float32)
        with torch.inference_mode():
            for chosen in by_length([len(window) for window in windows], _NETWORK_BATCH):
                feed = self._inputs.padded([windows[index] for index in chosen])
                found[chosen] = self._network(**feed).logits.float().numpy()
        return found


class GraphScorer:
    """An exported graph, its inputs padded as the live path pads them.

    Args:
        session: Of the graph.
        inputs: How windows are made into inputs.
    """

    def __init__(self, session: onnxruntime.InferenceSession, inputs: Windows) -> None:
        self._session = session
        self._inputs = inputs

    def logits(self, windows: Sequence[Sequence[int]]) -> FloatArray:
        """Return the logits of windows without special tokens, shape (windows, labels)."""
        width = self._session.get_outputs()[0].shape[1]
        found = np.zeros((len(windows), width), np.float32)
        for length, rows in self._by_bucket(windows).items():
            most = max(1, MAX_RUN_TOKENS // length)
            for start in range(0, len(rows), most):
                chosen = rows[start : start + most]
                feed = self._inputs.padded([windows[row] for row in chosen], length)
                arrays = {name: tensor.numpy() for name, tensor in feed.items()}
                found[chosen] = self._session.run(["logits"], arrays)[0]
        return found

    def _by_bucket(self, windows: Sequence[Sequence[int]]) -> dict[int, list[int]]:
        longest = self._inputs.max_tokens
        shorter = () if self._inputs.is_full else BUCKETS
        lengths = (*(bucket for bucket in shorter if bucket < longest), longest)
        rows: dict[int, list[int]] = {}
        for row, window in enumerate(windows):
            size = len(self._inputs.input(window))
            rows.setdefault(next(one for one in lengths if one >= size), []).append(row)
        return rows


def score_calls(
    scorer: Scorer, calls: Sequence[TokenizedCall], readings: Sequence[Reading], special: int
) -> list[list[ReadLogits]]:
    """Return what a model says of calls by each of their readings, as live calls are read.

    Args:
        scorer: The model.
        calls: With tokens each.
        readings: The one that every call has, then further ones.
        special: Special tokens of a window.
    """
    read = [read_windows(call, readings, special) for call in calls]
    every = [each for of_call in read for each in of_call]
    logits = scorer.logits([window.ids for each in every for window in each.windows])
    ends = np.cumsum([len(each.windows) for each in every])
    pieces = iter(np.split(logits, ends[:-1]))
    return [[ReadLogits(each.reading, next(pieces)) for each in of_call] for of_call in read]

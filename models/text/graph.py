"""A graph that reads many texts in one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.onnx_session import ONNX_ERRORS
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    import onnxruntime

    from models.text.encoder import Feed, TextEncoder

    FloatArray = npt.NDArray[np.float32]

OUTPUT = "logits"


class TextGraph:
    """An encoder with its head on ONNX Runtime.

    Args:
        session: Takes what ``encoder`` makes, and gives ``logits`` of shape (texts, ..).
        encoder: Of the texts.
    """

    def __init__(self, session: onnxruntime.InferenceSession, encoder: TextEncoder) -> None:
        self._session = session
        self._encoder = encoder

    def logits(self, texts: Sequence[str]) -> Iterator[tuple[int, FloatArray]]:
        """Yield the index and the logits of each text, in any order; none of a text without tokens.

        Texts of one length share a run.
        """
        rows = [self._encoder.tokens(text) for text in texts]
        for indexes, feed in self._encoder.batches(rows):
            yield from zip(indexes, self._run(feed), strict=True)

    def probe(self, texts: Sequence[str], shape: tuple[int, ...]) -> None:
        """Run texts, and the ends of the vocabulary, through the graph.

        Args:
            texts: Of several lengths.
            shape: Of one text's logits.

        Raises:
            ModelIntegrityError: It fails on one, or gives no such logits.
        """
        rows = [*map(self._encoder.tokens, texts), self._encoder.edge()]
        for _, feed in self._encoder.batches(rows):
            try:
                logits = self._run(feed)
            except (*ONNX_ERRORS, ValueError) as error:
                raise ModelIntegrityError(f"it cannot be run: {error}") from error
            wanted = (len(feed["input_ids"]), *shape)
            if logits.shape != wanted or not np.isfinite(logits).all():
                raise ModelIntegrityError(
                    f"it gives no finite logits of shape {wanted}, but {logits.shape}"
                )

    def _run(self, feed: Feed) -> FloatArray:
        logits: FloatArray = self._session.run([OUTPUT], feed)[0]
        return logits

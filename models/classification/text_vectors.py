"""A sentence encoder beside a classification model: texts as vectors, whatever their length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.classification.windows import window_starts
from models.onnx_session import ONNX_ERRORS, open_session
from models.text.encoder import EncoderConfig, SpecialTokens, TextEncoder, load_tokenizer
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    import onnxruntime
    from tokenizers import Tokenizer

    FloatArray = npt.NDArray[np.floating]

GRAPH_NAME, TOKENIZER_NAME = "encoder.onnx", "encoder.tokenizer.json"
OUTPUT = "logits"  # of every text graph; here the vector of a text
_PROBE = "a"


class TextVectors:
    """Vectors of texts by a graph; use `load`.

    Args:
        session: Of the graph.
        tokenizer: With neither padding nor truncation.
        special: Ids of the special tokens.
        max_tokens: Longest window, special tokens included.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        special: SpecialTokens,
        max_tokens: int,
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._before = [special.first] if special.first >= 0 else []
        self._after = [special.last] if special.last >= 0 else []
        self._room = max_tokens - len(self._before) - len(self._after)
        config = EncoderConfig(special_tokens=special, max_tokens=max_tokens)
        self._encoder = TextEncoder(tokenizer, config)

    @classmethod
    def load(
        cls, folder: Path, special: SpecialTokens, max_tokens: int, *, threads: int = 1
    ) -> TextVectors:
        """Return the encoder in a folder, after trying it.

        Raises:
            ModelIntegrityError: A file is missing or damaged.
        """
        tokenizer = load_tokenizer(folder / TOKENIZER_NAME)
        session = open_session(folder / GRAPH_NAME, device="cpu", threads=threads)
        found = cls(session, tokenizer, special, max_tokens)
        try:
            found.of_texts([_PROBE])
        except (*ONNX_ERRORS, ValueError) as error:
            raise ModelIntegrityError(f"{folder / GRAPH_NAME} cannot be run: {error}") from error
        return found

    def of_texts(self, texts: Sequence[str]) -> FloatArray:
        """Return the vector of each text, the mean over its windows, shape (texts, width).

        Args:
            texts: In spoken form, each with a word.
        """
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        rows, owners = [], []
        for owner, ids in enumerate(each.ids for each in encoded):
            for start in window_starts(len(ids), self._room, 0):
                rows.append([*self._before, *ids[start : start + self._room], *self._after])
                owners.append(owner)
        width = self._session.get_outputs()[0].shape[1]
        windows = np.zeros((len(rows), width), np.float32)
        for indexes, feed in self._encoder.batches(rows):
            windows[indexes] = self._session.run([OUTPUT], feed)[0]
        totals = np.zeros((len(texts), width), np.float32)
        np.add.at(totals, owners, windows)
        counts = np.bincount(owners, minlength=len(texts))[:, None]
        return np.asarray(totals / np.maximum(counts, 1))

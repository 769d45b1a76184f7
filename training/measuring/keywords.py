"""What the words of a text alone say: their counts, weighted by how rare they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
from sklearn.preprocessing import normalize  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

MIN_TEXTS = 2  # that a word stands in, to count
_WORD = r"\S+"
_MAX_WORDS = 30_000


class WordVectors:
    """Texts as the words in them; neither their order nor their neighbours count.

    Args:
        texts: From which the words are learnt, in spoken form; rare words are left out.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._vectors = TfidfVectorizer(
            token_pattern=_WORD, min_df=MIN_TEXTS, max_features=_MAX_WORDS, sublinear_tf=True
        ).fit(texts)

    def of(self, texts: Sequence[str]) -> Any:
        """Return the vectors of texts as a sparse matrix, a row each."""
        return self._vectors.transform(texts)

    def centres(
        self, texts: Sequence[str], has: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.floating[Any]]:
        """Return the mean vector of the texts of each label, a row each, of length 1.

        Args:
            texts: In spoken form.
            has: Which labels each text has, shape (texts, labels).
        """
        found: npt.NDArray[np.floating[Any]] = normalize(
            np.asarray(has.T.astype(float) @ self.of(texts))
        )
        return found


def scores(vectors: Any, centres: Any) -> npt.NDArray[np.floating[Any]]:
    """Return the cosine of each text and each label, shape (texts, labels)."""
    found = vectors @ centres.T
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found)

"""Text becomes what an end-of-turn graph takes: the same for training's export and the live path.

Every length is padded to one of a few, so that a text is run in one shape whatever its company.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from models.turns.text import spoken_form
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from models.turns.manifest import TurnManifest

BUCKETS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)  # tokens
MAX_RUN_TOKENS = 4_096  # bounds the memory of one run
MAX_CHARACTERS = 20_000  # of a raw text: no turn is longer
MAX_WORD_CHARACTERS = 16  # on average, of the words that are looked at

Feed = dict[str, "npt.NDArray[np.int64]"]


class TurnInputs:
    """Token ids of texts, and the batches that are made of them.

    Args:
        tokenizer: Its padding and truncation are switched off.
        manifest: Of the model.
    """

    def __init__(self, tokenizer: Tokenizer, manifest: TurnManifest) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._form = manifest.text_form
        self._max_tokens = manifest.max_tokens
        self._padding_id = manifest.special_tokens.padding
        special = manifest.special_tokens
        self._first = [special.first] if special.first >= 0 else []
        self._last = [special.last] if special.last >= 0 else []
        shorter = () if manifest.padding == "full" else BUCKETS
        self._lengths = (*(b for b in shorter if b < self._max_tokens), self._max_tokens)

    def tokens(self, text: str) -> list[int]:
        """Return the ids of the end of a text; none if it has no words."""
        spoken = spoken_form(text[-MAX_CHARACTERS:])
        if not spoken:
            return []
        tail = _tail(spoken if self._form == "spoken" else _clean(text), self._max_tokens)
        ids = self._tokenizer.encode(tail, add_special_tokens=False).ids
        room = self._max_tokens - len(self._first) - len(self._last)
        return [*self._first, *ids[-room:], *self._last]

    def edge(self) -> list[int]:
        """Return the ids of the first and the last piece of the vocabulary."""
        ids = self._tokenizer.get_vocab().values()
        return [min(ids), max(ids)]

    def batches(self, rows: Sequence[list[int]]) -> Iterator[tuple[list[int], Feed]]:
        """Yield which of the rows run together, and what the graph takes; empty rows in none."""
        by_length: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            if row:
                length = next(length for length in self._lengths if length >= len(row))
                by_length.setdefault(length, []).append(number)
        for length, numbers in by_length.items():
            most = max(1, MAX_RUN_TOKENS // length)
            for start in range(0, len(numbers), most):
                together = numbers[start : start + most]
                yield together, self._feed([rows[number] for number in together], length)

    def _feed(self, rows: list[list[int]], length: int) -> Feed:
        ids = np.full((len(rows), length), self._padding_id, np.int64)
        mask = np.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return {"input_ids": ids, "attention_mask": mask}


def load_tokenizer(path: Path) -> Tokenizer:
    """Return a tokenizer from its file.

    Raises:
        ModelIntegrityError: It is none.
    """
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # it raises nothing more specific
        raise ModelIntegrityError(f"{path} is no tokenizer: {error}") from error


def _tail(text: str, words: int) -> str:
    """Return the last words of a text: each has a token at least, so more would be cut anyway."""
    end = text[-words * MAX_WORD_CHARACTERS :]
    parts = end.split()
    if len(parts) > 1 and len(end) < len(text) and not text[-len(end) - 1].isspace():
        del parts[0]  # the end of a word
    return " ".join(parts[-words:])


def _clean(text: str) -> str:
    """Return a text that can be written as UTF-8, its spaces squeezed."""
    end = text[-MAX_CHARACTERS:].encode("utf-8", "replace").decode()
    return " ".join(end.split())

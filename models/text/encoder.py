"""Texts as an encoder takes them: word pieces between special tokens, in padded batches.

Every length is padded to one of a few, so that a text is run in one shape whatever shares its
batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from tokenizers import Tokenizer

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

BUCKETS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)  # tokens
MAX_RUN_TOKENS = 4_096  # bounds the memory of one run
MAX_WORD_CHARACTERS = 16  # on average, of the words that are looked at

Feed = dict[str, "npt.NDArray[np.int64]"]
Padding = Literal["bucket", "full"]
EncoderSetting = str | int | float | bool | None  # of a configuration of transformers


class SpecialTokens(msgspec.Struct, frozen=True):
    """Ids of the tokens around a text.

    Attributes:
        first: Before it; -1 for none.
        last: After it; -1 for none.
        padding: Behind it, up to the length that is run.
    """

    first: int
    last: int
    padding: int

    @property
    def around(self) -> int:
        """Return how many stand around a text."""
        return (self.first >= 0) + (self.last >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """How an encoder takes its texts.

    Attributes:
        special_tokens: Their ids.
        max_tokens: Longest input, special tokens included.
        keep: Which end of a longer text is kept.
        padding: ``bucket``: to the next of a few lengths. ``full``: always to ``max_tokens``, for
            encoders whose output depends on padding.
    """

    special_tokens: SpecialTokens
    max_tokens: int
    keep: Literal["tail", "head"] = "tail"
    padding: Padding = "bucket"


class TextEncoder:
    """Token ids of texts, and the batches that are made of them.

    Args:
        tokenizer: Its padding and truncation are switched off.
        config: Of the encoder.
    """

    def __init__(self, tokenizer: Tokenizer, config: EncoderConfig) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._config = config
        special = config.special_tokens
        self._first = [special.first] if special.first >= 0 else []
        self._last = [special.last] if special.last >= 0 else []
        shorter = () if config.padding == "full" else BUCKETS
        self._lengths = (*(b for b in shorter if b < config.max_tokens), config.max_tokens)

    def tokens(self, text: str) -> list[int]:
        """Return the ids of a text, cut to ``max_tokens``.

        Args:
            text: That can be written as UTF-8: no lone surrogates.
        """
        config = self._config
        room = config.max_tokens - len(self._first) - len(self._last)
        kept = text_end(text, config.max_tokens, is_head=config.keep == "head")
        ids = self._tokenizer.encode(kept, add_special_tokens=False).ids
        return [*self._first, *(ids[:room] if config.keep == "head" else ids[-room:]), *self._last]

    def edge(self) -> list[int]:
        """Return the ids of the first and the last piece of the vocabulary."""
        ids = self._tokenizer.get_vocab().values()
        return [min(ids), max(ids)]

    def batches(self, rows: Sequence[list[int]]) -> Iterator[tuple[list[int], Feed]]:
        """Yield which of the rows run together, and what the graph takes; empty rows in none."""
        by_length: dict[int, list[int]] = {}
        for index, row in enumerate(rows):
            if row:
                length = next(length for length in self._lengths if length >= len(row))
                by_length.setdefault(length, []).append(index)
        for length, indexes in by_length.items():
            most = max(1, MAX_RUN_TOKENS // length)
            for start in range(0, len(indexes), most):
                together = indexes[start : start + most]
                yield together, self._feed([rows[index] for index in together], length)

    def _feed(self, rows: list[list[int]], length: int) -> Feed:
        ids = np.full((len(rows), length), self._config.special_tokens.padding, np.int64)
        mask = np.zeros_like(ids)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return {"input_ids": ids, "attention_mask": mask}


def text_end(text: str, words: int, *, is_head: bool = False) -> str:
    """Return the last words of a text, or the first: each has a token at least.

    Args:
        text: Of any length.
        words: As many as there may be tokens.
        is_head: Whether the first ones are wanted.
    """
    size = words * MAX_WORD_CHARACTERS
    kept = text[:size] if is_head else text[-size:]
    parts = kept.split()
    if len(parts) > 1 and len(kept) < len(text):
        beyond = text[size] if is_head else text[-size - 1]
        if not beyond.isspace():
            del parts[-1 if is_head else 0]  # a part of a word
    return " ".join(parts[:words] if is_head else parts[-words:])


def load_tokenizer(path: Path) -> Tokenizer:
    """Return a tokenizer from its file.

    Raises:
        ModelIntegrityError: It is not one.
    """
    try:
        return Tokenizer.from_buffer(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelIntegrityError(f"{path} cannot be read as a tokenizer: {error}") from error

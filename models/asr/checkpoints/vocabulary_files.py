"""The vocabulary files that come with weights: CTranslate2's and Hugging Face's.

Both write a token's bytes as characters of their own, as GPT-2 does.
Source: openai/gpt-2 ``encoder.py``, ``bytes_to_unicode``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.asr.checkpoints.content import read_json
from models.asr.core.vocabulary import END_OF_TEXT, Vocabulary
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VOCABULARY_FILES = ("vocabulary.json", "vocabulary.txt", "tokenizer.json", "vocab.json")
_PLAIN = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))  # bytes written as they are
_OTHERS = [byte for byte in range(256) if byte not in _PLAIN]
_BYTES = {chr(byte): byte for byte in _PLAIN} | {chr(256 + n): b for n, b in enumerate(_OTHERS)}
_END = f"<|{END_OF_TEXT}|>"


class _AddedToken(msgspec.Struct):
    id: int
    content: str


class _Merges(msgspec.Struct):
    vocab: dict[str, int]


class _Tokenizer(msgspec.Struct):
    """What is read of ``tokenizer.json``."""

    added_tokens: list[_AddedToken]
    model: _Merges


def find_vocabulary(folder: Path, size: int) -> Vocabulary | None:
    """Return the vocabulary that lies in a folder of weights; None if there is none.

    Args:
        folder: With ``vocabulary.json`` or ``.txt`` (CTranslate2), or ``tokenizer.json`` or
            ``vocab.json`` with ``added_tokens.json`` (Hugging Face).
        size: Tokens of the output layer.

    Raises:
        ModelIntegrityError: Not a vocabulary of Whisper.
    """
    numbered = _numbered_names(folder)
    if not numbered:
        return None
    if _END not in numbered.values() or not set(numbered) <= set(range(size)):
        raise ModelIntegrityError(f"the vocabulary in {folder} does not fit {size} tokens")
    return vocabulary_of_names([numbered.get(number, "") for number in range(size)])


def vocabulary_of_names(names: list[str]) -> Vocabulary:
    """Return the vocabulary of tokens as GPT-2 writes them.

    Args:
        names: Of every token, in order; from the one that ends a text on they spell nothing.

    Raises:
        ModelIntegrityError: A name is not written as GPT-2 does.
    """
    end = names.index(_END)
    try:
        spelled = [bytes(_BYTES[character] for character in name) for name in names[:end]]
    except KeyError as error:
        raise ModelIntegrityError(f"{error} is not how GPT-2 writes a byte") from error
    special = {name.strip("<|>"): end + n for n, name in enumerate(names[end:]) if name}
    return Vocabulary((*spelled, *(b"" for _ in names[end:])), special)


def _numbered_names(folder: Path) -> dict[int, str]:
    listed = folder / "vocabulary.json"
    if listed.is_file():
        return dict(enumerate(read_json(listed, list[str])))
    lines = folder / "vocabulary.txt"
    if lines.is_file():
        return dict(enumerate(lines.read_text("utf-8").removesuffix("\n").split("\n")))
    whole = folder / "tokenizer.json"
    if whole.is_file():
        content = read_json(whole, _Tokenizer)
        added = {token.id: token.content for token in content.added_tokens}
        return _by_number(content.model.vocab) | added
    return _by_number(_optional_json(folder / "vocab.json")) | _by_number(
        _optional_json(folder / "added_tokens.json")
    )


def _by_number(numbers: Mapping[str, int]) -> dict[int, str]:
    return {number: name for name, number in numbers.items()}


def _optional_json(path: Path) -> dict[str, int]:
    return read_json(path, dict[str, int]) if path.is_file() else {}

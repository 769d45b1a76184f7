"""Examples of finished and unfinished utterances, and the files that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from training.core.errors import MissingDataError
from training.turns.sources.conversations import Role

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SET_NAMES = ("general", "domain", "agent", "customer", "multi")


class Example(msgspec.Struct, frozen=True):
    """What a speaker has said so far, and whether the utterance is complete.

    Attributes:
        text: As the recognizer writes it: the spoken form, no capitals, no punctuation.
        written: The same words with their capitals and punctuation.
        is_complete: The speaker has finished; else the utterance was cut off.
        source: Name of the source in the recipe.
        conversation: Unique over all sources; never in two splits.
        role: Who speaks.
    """

    text: str
    written: str
    is_complete: bool
    source: str
    conversation: str
    role: Role = "unknown"


def set_path(work: Path, set_name: str, split: Split) -> Path:
    """Return the file with the examples of a set's split."""
    return work / "data" / set_name / f"{split}.jsonl"


def read_examples(path: Path) -> list[Example]:
    """Return the examples of a file of JSON lines.

    Raises:
        MissingDataError: There is no such file, or a line is not an example.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"the examples {path} cannot be read ({error.strerror}); prepare the data first"
        raise MissingDataError(message) from error
    try:
        return msgspec.json.Decoder(Example).decode_lines(content)
    except msgspec.DecodeError as error:
        message = f"{path} holds a line that is not an example: {error}"
        raise MissingDataError(message) from error


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Replace the file at ``path`` by the examples in one go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.Encoder().encode_lines(examples))
    partial.replace(path)

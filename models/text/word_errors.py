"""Word errors of a transcript against an exact reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import orjson

from models.text.scored_words import scored_words
from schemas.errors import ConfigurationError


class ReferenceUtterance(msgspec.Struct, frozen=True):
    """What a channel said from ``start_ms`` on."""

    channel: int
    start_ms: int
    text: str


class Reference(msgspec.Struct, frozen=True):
    """The exact transcript of a recording."""

    utterances: tuple[ReferenceUtterance, ...]

    def words(self, channel: int) -> list[str]:
        """Return the words of a channel in order, as they are compared."""
        own = [utterance for utterance in self.utterances if utterance.channel == channel]
        own.sort(key=lambda utterance: utterance.start_ms)
        return scored_words(" ".join(utterance.text for utterance in own))

    @property
    def channels(self) -> list[int]:
        """Channels on which something is said."""
        return sorted({utterance.channel for utterance in self.utterances})


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Errors of a transcript: words that differ, are missing or too many."""

    errors: int
    reference_words: int

    @property
    def rate(self) -> float:
        """Word error rate: errors for each word of the reference."""
        return self.errors / self.reference_words if self.reference_words else 0.0


def read_reference(path: Path) -> Reference:
    """Return the reference transcript in ``path``.

    Raises:
        ConfigurationError: It is no reference transcript.
    """
    try:
        return msgspec.convert(orjson.loads(path.read_bytes()), Reference)
    except (OSError, orjson.JSONDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"{path}: not a reference transcript ({error})") from error


def word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> WordErrors:
    """Return the least number of substitutions, deletions and insertions between the two."""
    previous = list(range(len(hypothesis) + 1))
    for row, expected in enumerate(reference, start=1):
        current = [row]
        for column, heard in enumerate(hypothesis, start=1):
            substitution = previous[column - 1] + (expected != heard)
            current.append(min(substitution, previous[column] + 1, current[-1] + 1))
        previous = current
    return WordErrors(previous[-1], len(reference))

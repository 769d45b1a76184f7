"""The tokens that a network writes, by their index in its output layer."""

from __future__ import annotations

import itertools
import re
import string
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property

import msgspec

from schemas.errors import InferenceError

PIECES = re.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+"
)  # GPT-2's: no token reaches over their borders
REPLACEMENT = "\ufffd"  # what half a character decodes to
UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})


class TokenTable(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Every token that the weights can write, and the ones with a meaning of their own.

    Numbers are indexes in the output layer; for weights with a pruned vocabulary they are not
    those of openai-whisper's tokenizer.

    Attributes:
        pieces: Bytes of every token; empty for those that spell nothing.
        end_of_text: Ends a transcript.
        start: Begins one.
        start_of_previous: Begins a prompt; -1 if the weights have none.
        no_speech: Stands first where nobody speaks; -1 if the weights have none.
        no_timestamps: Ends the opening of a transcript without times.
        transcribe: The task; -1 for English-only weights.
        languages: Token of each language; none for English-only weights.
        suppressed: Never written: special tokens, sound annotations.
        suppressed_first: Not at the beginning of a transcript: blank and end of text.
    """

    pieces: tuple[bytes, ...]
    end_of_text: int
    start: int
    start_of_previous: int
    no_speech: int
    no_timestamps: int
    transcribe: int = -1
    languages: dict[str, int] = {}
    suppressed: tuple[int, ...] = ()
    suppressed_first: tuple[int, ...] = ()

    def opening(self, language: str) -> tuple[int, ...]:
        """Return the tokens before a transcript in a language.

        Raises:
            InferenceError: Multilingual weights that do not know it.
        """
        if not self.languages:
            return (self.start, self.no_timestamps)
        if language not in self.languages:
            raise InferenceError(f"the weights have no language {language!r}")
        return (self.start, self.languages[language], self.transcribe, self.no_timestamps)

    def text(self, tokens: Iterable[int]) -> str:
        """Return what tokens spell; bytes that are no character become U+FFFD."""
        return b"".join(self.pieces[token] for token in tokens).decode("utf-8", "replace")

    def encode(self, text: str) -> tuple[int, ...]:
        """Return tokens that spell a text; what no token spells is left out.

        Whole vocabularies spell as their training did, by byte-pair merges; pruned ones, which
        lack steps on the way to their longer tokens, with as few tokens as possible.
        """
        if self.spells_everything:
            pieces = (piece.encode() for piece in PIECES.findall(text))
            return tuple(token for piece in pieces for token in self._merged(piece))
        return self._fewest(text.encode())

    @cached_property
    def spells_everything(self) -> bool:
        """Whether there is a token for each byte, so that any text can be written."""
        return all(bytes([byte]) in self._numbers for byte in range(256))

    def _merged(self, content: bytes) -> list[int]:
        """Return byte-pair merges, the token of lowest number first.

        Source: Sennrich et al. 2016, arXiv:1508.07909; ranks are numbers as in GPT-2.
        """
        parts = [bytes([byte]) for byte in content]
        while len(parts) > 1:
            pairs = [first + second for first, second in itertools.pairwise(parts)]
            best = min(pairs, key=lambda pair: self._numbers.get(pair, sys.maxsize))
            if best not in self._numbers:
                break
            at = pairs.index(best)
            parts[at : at + 2] = [best]
        return [self._numbers[part] for part in parts]

    def _fewest(self, content: bytes) -> tuple[int, ...]:
        """Return the shortest spelling; ties go to the longest token first."""
        fewest: list[tuple[int, int]] = [(0, 0)] * (len(content) + 1)  # from here on: count, length
        for start in range(len(content) - 1, -1, -1):
            skipped = (fewest[start + 1][0] + len(content), 0)
            spelled = [
                (fewest[start + length][0] + 1, -length)
                for length in range(1, min(self._longest, len(content) - start) + 1)
                if content[start : start + length] in self._numbers
            ]
            fewest[start] = min([*spelled, skipped])
        tokens = []
        at = 0
        while at < len(content):
            length = -fewest[at][1]
            if length:
                tokens.append(self._numbers[content[at : at + length]])
            at += length or 1
        return tuple(tokens)

    def words(self, tokens: Sequence[int], language: str) -> list[tuple[str, list[int]]]:
        """Return the words of a text with their tokens; a leading space stays with its word.

        Source: openai-whisper ``tokenizer.py``, whose rules these are: a word begins at a space or
        a punctuation mark; languages without spaces are cut between characters. Vowel signs and
        tone marks stay with the character that they are written on.
        """
        characters = self._characters(tokens)
        if language in UNSPACED_LANGUAGES:
            return _with_their_marks(characters)
        words: list[tuple[str, list[int]]] = []
        for text, its_tokens in characters:
            is_new = text.startswith(" ") or text.strip() in string.punctuation
            if is_new or not words:
                words.append((text, its_tokens))
            else:
                before, tokens_before = words[-1]
                words[-1] = (before + text, [*tokens_before, *its_tokens])
        return words

    def _characters(self, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Return the shortest groups of tokens that spell whole characters."""
        whole = self.text(tokens)
        groups: list[tuple[str, list[int]]] = []
        pending: list[int] = []
        offset = 0
        for token in tokens:
            pending.append(token)
            text = self.text(pending)
            at = text.find(REPLACEMENT)
            if at < 0 or whole[offset + at : offset + at + 1] == REPLACEMENT:
                groups.append((text, pending))
                offset += len(text)
                pending = []
        return groups

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        return {piece: number for number, piece in enumerate(self.pieces) if piece}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._numbers), default=0)


def _with_their_marks(
    characters: Iterable[tuple[str, list[int]]],
) -> list[tuple[str, list[int]]]:
    """Return the characters; one that begins with a combining mark joins the one before it."""
    joined: list[tuple[str, list[int]]] = []
    for text, tokens in characters:
        if joined and unicodedata.category(text[:1] or " ").startswith("M"):
            before, tokens_before = joined[-1]
            joined[-1] = (before + text, [*tokens_before, *tokens])
        else:
            joined.append((text, tokens))
    return joined

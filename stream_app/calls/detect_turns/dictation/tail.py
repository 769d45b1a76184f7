"""The numbers and letters at the end of a text, as the characters that they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.text.spoken_form import spoken_words
from stream_app.calls.detect_turns.dictation.vocabulary import (
    DIGIT_WORDS,
    FILLERS,
    MULTIPLIERS,
    NATO,
    SYMBOLS,
    TEEN_WORDS,
    TENS_WORDS,
)

TAIL_WORDS = 64  # more than the longest thing that is dictated
TAIL_CHARACTERS = TAIL_WORDS * 16
EXAMPLES = (("for",), ("as", "in"))
UNFINISHED = "dash"  # what "b for" leaves to be said


@dataclass(frozen=True, slots=True)
class Tail:
    """The numbers and letters at the end of a text.

    Attributes:
        before: The words before them.
        groups: What each number or letter stands for, in order: "forty two" is ``42``.
        letters: How many of them were letters or words that stand for one.
        is_unfinished: The last word calls for another, as "double", "dash" and "b for" do.
    """

    before: tuple[str, ...]
    groups: tuple[str, ...] = ()
    letters: int = 0
    is_unfinished: bool = False

    @property
    def characters(self) -> str:
        """Return all that they stand for."""
        return "".join(self.groups)


def words_of(text: str) -> list[str]:
    """Return the last spoken words of a text, without fillers at the end."""
    words = _without_examples(spoken_words(text[-TAIL_CHARACTERS:])[-TAIL_WORDS:])
    while words and words[-1] in FILLERS:
        words.pop()
    return words


def tail_of(words: Sequence[str]) -> Tail:
    """Return the numbers and letters with which ``words`` end."""
    start = end = len(words)
    if _is_article(words):
        return Tail(tuple(words))
    while start and _belongs(words[start - 1]):
        start -= 1
    while start < end and _is_before_start(words, start):
        start += 1
    reading = _Reading()
    for word in words[start:]:
        reading.take(word)
    before = tuple(words[:start])
    return Tail(before, tuple(reading.groups), reading.letters, is_unfinished=reading.is_unfinished)


class _Reading:
    """What the words of a dictation stand for, read one by one."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.letters = 0
        self.is_unfinished = False
        self._times = 1
        self._has_tens = False

    def take(self, word: str) -> None:
        """Take in the next word."""
        had_tens, self._has_tens = self._has_tens, False
        self.is_unfinished = word in MULTIPLIERS or word in SYMBOLS
        if word in MULTIPLIERS:
            self._times = MULTIPLIERS[word]
        elif word not in FILLERS and word not in SYMBOLS:
            self._add(word, had_tens=had_tens)

    def _add(self, word: str, *, had_tens: bool) -> None:
        digits = _digits(word)
        if had_tens and len(digits) == 1 and digits != "0":
            self.groups[-1] = self.groups[-1][0] + digits
            return
        characters = digits or word[0]
        self.letters += sum(character.isalpha() for character in characters)
        self._has_tens = word in TENS_WORDS
        self.groups.append(characters * self._times)
        self._times = 1


def _without_examples(words: Sequence[str]) -> list[str]:
    """Return the words with "b" for "b for bravo" and "b as in bravo"."""
    kept: list[str] = []
    index = 0
    while index < len(words):
        kept.append(words[index])
        index += 1
        for example in EXAMPLES if _is_letter(kept[-1]) else ():
            if tuple(words[index : index + len(example)]) == example:
                index += len(example) + 1
                if index > len(words):
                    kept.append(UNFINISHED)
    return kept


def _belongs(word: str) -> bool:
    is_known = word in FILLERS or word in SYMBOLS or word in MULTIPLIERS or word in NATO
    return is_known or _is_letter(word) or bool(_digits(word))


def _is_before_start(words: Sequence[str], index: int) -> bool:
    """Return whether a dictation begins later than here: "i", "a" and "oh" are words as well."""
    word, rest = words[index], words[index + 1 :]
    if word in FILLERS or word in SYMBOLS - {"plus"}:
        return True
    is_spelling = bool(rest) and _is_letter(rest[0])
    return (word in {"a", "i"} and not is_spelling) or (word == "oh" and not rest)


def _is_article(words: Sequence[str]) -> bool:
    """Return whether the last word is "i" or "a" and no letter: "at eleven i"."""
    return words[-1:] in (["a"], ["i"]) and not (len(words) > 1 and _is_letter(words[-2]))


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()


def _digits(word: str) -> str:
    """Return the digits that a word stands for; empty for other words."""
    return DIGIT_WORDS.get(word) or TEEN_WORDS.get(word) or TENS_WORDS.get(word) or ""

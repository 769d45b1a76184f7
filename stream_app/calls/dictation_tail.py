"""Return the end of a text as the characters that its numbers and letters stand for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.calls.dictation_words import (
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
LONGEST_CODE = 10  # a longer mix of letters and digits in one piece is no part of a dictation

_AMOUNT = "\N{CURRENCY SIGN}"  # stands for what is counted, whatever it was written like
_AMOUNTS = re.compile(
    r"[$\u00a3\u20ac]\s?\d[\d,.]*|\d[\d,.]*\s?%|\d{1,2}:\d{2}|\d{1,3}(?:,\d{3})+(?!\d)"
    r"|\d{1,2}[/-]\d{1,2}[/-]\d{2,4}(?!\d)|(?<![\d.])\d+\.\d+(?![\d.])"
)
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[-./](?=\d)")
_WORD = re.compile(rf"[\w.+%-]+@(?:[\w.-]*\w)?|[^\W_]+(?:'[^\W_]+)*|{_AMOUNT}|_(?=\W|$)", re.ASCII)
_UNIT = re.compile(r"\d+(?:st|nd|rd|th|am|pm|gb|mb|tb|kg|km|cm|mm|ml|mph|g|k|m|s|x|p|h|ft|hz|kw)")
_MIXED = re.compile(r"(?=[^\d]*\d)(?=[^a-z]*[a-z])[a-z\d]+")


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
    """Return the last words of a text, e-mail addresses whole, without fillers at the end."""
    tail = text[-TAIL_CHARACTERS:].lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    tail = _BETWEEN_DIGITS.sub(" ", _AMOUNTS.sub(f" {_AMOUNT} ", tail))
    words = _without_examples(_WORD.findall(tail)[-TAIL_WORDS:])
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
    while start < end and _is_no_begin(words, start):
        start += 1
    run = _Run()
    for word in words[start:]:
        run.take(word)
    before = tuple(words[:start])
    return Tail(before, tuple(run.groups), run.letters, is_unfinished=run.is_unfinished)


class _Run:
    """Takes in the words of a dictation one by one."""

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
        characters = digits or (word if _is_code(word) else word[0])
        self.letters += sum(character.isalpha() for character in characters)
        self._has_tens = word in TENS_WORDS
        self.groups.append(characters * self._times)
        self._times = 1


def _without_examples(words: Sequence[str]) -> list[str]:
    """Return the words with "b" for "b for bravo" and "b as in bravo"."""
    kept: list[str] = []
    place = 0
    while place < len(words):
        kept.append(words[place])
        place += 1
        for example in EXAMPLES if _is_letter(kept[-1]) else ():
            if tuple(words[place : place + len(example)]) == example:
                place += len(example) + 1
                if place > len(words):
                    kept.append(UNFINISHED)
    return kept


def _belongs(word: str) -> bool:
    is_known = word in FILLERS or word in SYMBOLS or word in MULTIPLIERS or word in NATO
    return is_known or _is_letter(word) or bool(_digits(word)) or _is_code(word)


def _is_no_begin(words: Sequence[str], place: int) -> bool:
    """Return whether a dictation does not begin here: "i", "a" and "oh" are words as well."""
    word, rest = words[place], words[place + 1 :]
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
    """Return the digits that a word stands for, empty if it stands for none."""
    if word.isascii() and word.isdigit():
        return word
    return DIGIT_WORDS.get(word) or TEEN_WORDS.get(word) or TENS_WORDS.get(word) or ""


def _is_code(word: str) -> bool:
    is_mixed = len(word) <= LONGEST_CODE and _MIXED.fullmatch(word) is not None
    return is_mixed and _UNIT.fullmatch(word) is None

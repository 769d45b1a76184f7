"""Figures as the words that are said, with the punctuation around them kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from training.asr.numerals import spell_digits
from training.asr.text import normalise_words

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIGIT = re.compile(r"[0-9]")
_NOT_DIGIT = re.compile(r"[^0-9]")
_GROUP = re.compile(r"^[+(]*[0-9]{1,5}\)?[-.,?!]?$")
_TELEPHONE_DIGITS = 7
_BARE_NUMBER = re.compile(r"^([0-9]{3,})[.,?!]?$")
_YEAR = re.compile(r"^(?:19[0-9][0-9]|20[0-3][0-9])$")
_CORE = re.compile(r"^(?P<lead>[^\w$£€+#]*)(?P<core>.*?)(?P<trail>[^\w%]*)$", re.DOTALL)
_READ_OUT = re.compile(
    r"^[+(]?[0-9]+(?:[-.)]+[0-9]+){2,}$|^\+?[0-9]{6,}$|^\+[0-9]+$|^\+?[0-9]{3}-[0-9]{4}$"
)
_HALF_DAY = re.compile(r"^([ap])\.?m(?P<trail>\W*)$", re.IGNORECASE)
_BETWEEN = re.compile(r"[/\\_|-]+")
_DIGITS_AND_LETTERS = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_UNIT = re.compile(r"^[\d,.:]+(?:st|nd|rd|th|[ap]\.?m\.?)$", re.IGNORECASE)


def speak_numbers(words: Sequence[str], *, by_digits: bool = False) -> list[list[str]]:
    """Return, for each written word, the words it is spoken as: ``"$2.50,"`` becomes five.

    Args:
        words: Of one utterance, in order.
        by_digits: Read bare numbers of three digits or more digit by digit, as callers read out
            an account; a year and an amount stay what they are.
    """
    if not any(_DIGIT.search(word) for word in words):
        return [[word] for word in words]
    read_out = _telephone_groups(words)
    if by_digits:
        read_out |= {place for place, word in enumerate(words) if _is_account(word)}
    return [
        _speak(word, previous, is_read_out=place in read_out)
        for place, (word, previous) in enumerate(zip(words, ("", *words), strict=False))
    ]


def _is_account(word: str) -> bool:
    number = _BARE_NUMBER.match(word)
    return number is not None and not _YEAR.match(number[1])


def _telephone_groups(words: Sequence[str]) -> set[int]:
    """Return the places of groups of digits that together are a telephone number."""
    found: set[int] = set()
    run: list[int] = []
    for place, word in enumerate((*words, "")):
        if _GROUP.match(word):
            run.append(place)
            continue
        if len(run) > 1 and sum(map(len, (words[one] for one in run))) >= _TELEPHONE_DIGITS:
            found.update(run)
        run = []
    return found


def _speak(word: str, previous: str, *, is_read_out: bool) -> list[str]:
    half_day = _HALF_DAY.match(word)
    if half_day and previous[-1:].isdigit():
        return [f"{half_day[1].lower()}.m.{half_day['trail'].lstrip('.')}"]
    if not _DIGIT.search(word):
        return [word]
    parts = _CORE.match(word)
    assert parts, "the pattern fits every text"  # noqa: S101
    core = parts["core"]
    is_area_code = parts["lead"].endswith("(") and core.isdecimal()
    is_read_out = is_read_out or is_area_code or bool(_READ_OUT.match(core))
    said = spell_digits(_NOT_DIGIT.sub("", core)) if is_read_out else _words(core)
    if not said:
        return [word]
    said[0] = parts["lead"] + said[0]
    said[-1] += parts["trail"]
    return said


def _words(core: str) -> list[str]:
    plain = _BETWEEN.sub(" ", core).replace("#", " number ")
    if not _UNIT.match(plain):
        plain = _DIGITS_AND_LETTERS.sub(" ", plain)
    return list(normalise_words(plain))

"""Figures in a text as the words of spoken English: amounts, times, ordinals, decimals, numbers."""

from __future__ import annotations

import re

from models.text.numerals import (
    MAX_CARDINAL,
    MONEY,
    spell_cardinal,
    spell_decade,
    spell_digits,
    spell_money,
    spell_ordinal,
    spell_time,
    spell_year,
)

_YEAR = re.compile("19[0-9]{2}|20[0-3][0-9]")
_LONGEST_CARDINAL = 5  # longer runs of digits are read out one by one
_MONEY = re.compile(r"([$£€])\s?(?=\.?[0-9])([0-9,]*)(?:\.([0-9]+))?")
_DECADE = re.compile(r"\b([0-9]{1,3}0)'?s\b")
_CENTS = 2  # digits
_TIME = re.compile(r"\b([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?\b")
_HALF_DAY = re.compile(r"(?<=[0-9])\s*([ap])\.?\s?m\b\.?")
_FULL_HOUR = re.compile(r":00(?= [ap] m)")
_GROUPED = re.compile(r"\b[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_ORDINAL = re.compile(r"\b([0-9]{1,4})(?:st|nd|rd|th)\b")
_DECIMAL = re.compile(r"(?:\b([0-9]+)|(?<![\w.]))\.([0-9]+)\b")
_FRACTION_SIGN = re.compile(r"(?<=[0-9])(?=[\u00bc-\u00be\u2150-\u215e])")
_NUMBER = re.compile(r"[0-9]+")


def part_fractions(text: str) -> str:
    """Return a text with signs of fractions parted from a number: NFKC would make 2½ 21/2."""
    return _FRACTION_SIGN.sub(" ", text)


def is_year(digits: str) -> bool:
    """Return whether a run of digits is read as a year: 1900 to 2039."""
    return _YEAR.fullmatch(digits) is not None


def spell_figures(text: str) -> str:
    """Return a text with its figures as words, each parted from its neighbours by spaces.

    Args:
        text: In lower case. Digits of other scripts stay.
    """
    text = _MONEY.sub(
        lambda m: _joined(_spell_amount(m[1], m[2].replace(",", "") or "0", m[3])), text
    )
    text = _DECADE.sub(lambda m: _joined(spell_decade(int(m[1]))), text)
    text = _HALF_DAY.sub(r" \1 m", text)
    text = _FULL_HOUR.sub("", text)
    text = _TIME.sub(lambda m: _joined(spell_time(int(m[1]), int(m[2]))), text)
    text = _GROUPED.sub(lambda m: _joined(_spell_long(m[0].replace(",", ""))), text)
    text = _ORDINAL.sub(lambda m: _joined(spell_ordinal(int(m[1]))), text)
    text = _DECIMAL.sub(lambda m: _joined(_spell_decimal(m[1], m[2])), text)
    return _NUMBER.sub(lambda m: _joined(_spell_integer(m[0])), text)


def _joined(words: list[str]) -> str:
    return f" {' '.join(words)} "


def _spell_amount(sign: str, whole: str, part: str | None) -> list[str]:
    if part is None or len(part) == _CENTS:
        if len(whole) < len(str(MAX_CARDINAL)):
            return spell_money(int(whole), int(part or 0), sign)
        return [*spell_digits(whole), MONEY[sign].units]
    return [*_spell_decimal(whole, part), MONEY[sign].units]


def _spell_decimal(whole: str | None, part: str) -> list[str]:
    return [*(_spell_integer(whole) if whole else ()), "point", *spell_digits(part)]


def _spell_long(digits: str) -> list[str]:
    if len(digits) > len(str(MAX_CARDINAL)):
        return spell_digits(digits)
    return spell_cardinal(int(digits))


def _spell_integer(digits: str) -> list[str]:
    if len(digits) > _LONGEST_CARDINAL or (digits[0] == "0" and len(digits) > 1):
        return spell_digits(digits)
    return spell_year(int(digits)) if is_year(digits) else spell_cardinal(int(digits))

"""Numbers as the words of spoken English."""

from __future__ import annotations

from typing import NamedTuple

from models.text.number_words import ORDINALS, SCALES, VALUES

_WORDS = {number: word for word, number in VALUES.items()}  # 0 to 20, then the tens
_IRREGULAR_ORDINALS = {cardinal: ordinal for ordinal, cardinal in ORDINALS.items()}
_FIRST_YEAR = 1000  # numbers below it are not read in two halves
MAX_CARDINAL = 10**12 - 1


class Money(NamedTuple):
    """The words of a currency, one and many, and those of its hundredth."""

    unit: str
    units: str
    cent: str
    cents: str


MONEY = {
    "$": Money("dollar", "dollars", "cent", "cents"),
    "£": Money("pound", "pounds", "penny", "pence"),
    "€": Money("euro", "euros", "cent", "cents"),
}


def spell_cardinal(number: int) -> list[str]:
    """Return the words of a number in 0 to ``MAX_CARDINAL``: 342 is three hundred forty two."""
    if number in _WORDS:
        return [_WORDS[number]]
    for name, scale in SCALES.items():
        if number >= scale:
            count, rest = divmod(number, scale)
            return [*spell_cardinal(count), name, *(spell_cardinal(rest) if rest else [])]
    if number > 0:
        unit = number % 10
        return [_WORDS[number - unit], _WORDS[unit]]
    raise ValueError(f"{number} is not a cardinal")


def spell_ordinal(number: int) -> list[str]:
    """Return the words of an ordinal: 22 is twenty second."""
    *head, last = spell_cardinal(number)
    if last in _IRREGULAR_ORDINALS:
        return [*head, _IRREGULAR_ORDINALS[last]]
    return [*head, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"]


def spell_digits(digits: str) -> list[str]:
    """Return one word per digit: 407 is four zero seven."""
    return [_WORDS[int(digit)] for digit in digits]


def spell_year(year: int) -> list[str]:
    """Return a year as it is said: 1998 is nineteen ninety eight, 2005 two thousand five."""
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:  # noqa: PLR2004
        return ["two", "thousand", *([_WORDS[rest]] if rest else [])]
    if rest == 0:
        return [*spell_cardinal(century), "hundred"]
    if rest < 10:  # noqa: PLR2004
        return [*spell_cardinal(century), "oh", _WORDS[rest]]
    return [*spell_cardinal(century), *spell_cardinal(rest)]


def spell_time(hour: int, minute: int) -> list[str]:
    """Return a clock time: 2:05 is two oh five, 2:00 two o'clock."""
    if minute == 0:
        return [*spell_cardinal(hour), "o'clock"]
    if minute < 10:  # noqa: PLR2004
        return [*spell_cardinal(hour), "oh", _WORDS[minute]]
    return [*spell_cardinal(hour), *spell_cardinal(minute)]


def spell_money(whole: int, cents: int, sign: str = "$") -> list[str]:
    """Return an amount in whole units and hundredths: 12.50 is twelve dollars and fifty cents."""
    money = MONEY[sign]
    units = [*spell_cardinal(whole), money.unit if whole == 1 else money.units]
    if not cents:
        return units
    hundredths = [*spell_cardinal(cents), money.cent if cents == 1 else money.cents]
    return [*units, "and", *hundredths] if whole else hundredths


def spell_decade(first_year: int) -> list[str]:
    """Return the words of ten years: 1990 is nineteen nineties, 80 is eighties."""
    *head, last = (
        spell_year(first_year) if first_year >= _FIRST_YEAR else spell_cardinal(first_year)
    )
    return [*head, f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"]

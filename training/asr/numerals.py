"""Numbers as they are said on the telephone."""

from __future__ import annotations

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = [
    "zero",
    "ten",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1_000, "thousand"))
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MAX_CARDINAL = 10**12 - 1


def spell_cardinal(number: int) -> list[str]:
    """Return the words of a number in 0 to ``MAX_CARDINAL``: 342 is three hundred forty two."""
    if number < 20:  # noqa: PLR2004
        return [_UNITS[number]]
    if number < 100:  # noqa: PLR2004
        tens, unit = divmod(number, 10)
        return [_TENS[tens], *([_UNITS[unit]] if unit else [])]
    if number < 1000:  # noqa: PLR2004
        hundreds, rest = divmod(number, 100)
        return [_UNITS[hundreds], "hundred", *(spell_cardinal(rest) if rest else [])]
    for scale, name in _SCALES:
        if number >= scale:
            count, rest = divmod(number, scale)
            return [*spell_cardinal(count), name, *(spell_cardinal(rest) if rest else [])]
    message = f"{number} is not a cardinal"
    raise ValueError(message)


def spell_ordinal(number: int) -> list[str]:
    """Return the words of an ordinal: 22 is twenty second."""
    *head, last = spell_cardinal(number)
    if last in _IRREGULAR_ORDINALS:
        return [*head, _IRREGULAR_ORDINALS[last]]
    return [*head, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"]


def spell_digits(digits: str) -> list[str]:
    """Return one word per digit: 407 is four zero seven."""
    return [_UNITS[int(digit)] for digit in digits]


def spell_year(year: int) -> list[str]:
    """Return a year as it is said: 1998 is nineteen ninety eight, 2005 two thousand five."""
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:  # noqa: PLR2004
        return ["two", "thousand", *([_UNITS[rest]] if rest else [])]
    if rest == 0:
        return [*spell_cardinal(century), "hundred"]
    if rest < 10:  # noqa: PLR2004
        return [*spell_cardinal(century), "oh", _UNITS[rest]]
    return [*spell_cardinal(century), *spell_cardinal(rest)]


def spell_time(hour: int, minute: int) -> list[str]:
    """Return a clock time: 2:05 is two oh five, 2:00 two o'clock."""
    if minute == 0:
        return [*spell_cardinal(hour), "o'clock"]
    if minute < 10:  # noqa: PLR2004
        return [*spell_cardinal(hour), "oh", _UNITS[minute]]
    return [*spell_cardinal(hour), *spell_cardinal(minute)]


def spell_money(whole: int, cents: int) -> list[str]:
    """Return an amount in dollars and cents: 12.50 is twelve dollars and fifty cents."""
    words = [*spell_cardinal(whole), "dollar" if whole == 1 else "dollars"]
    if cents:
        words += ["and", *spell_cardinal(cents), "cent" if cents == 1 else "cents"]
    return words

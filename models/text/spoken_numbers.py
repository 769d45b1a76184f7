"""Written words as they are said, one by one, with the punctuation around them kept.

A number can be read in more than one way; this is how a caller reads it. Digits in groups, after a
plus or in long runs are read one by one, and so are numbers of four digits or more that are
not round, no year, and written without commas; three digits are where nothing follows that they
could count. All else is a cardinal, a year, a time, an amount or a fraction.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from models.text.addresses import speak_address
from models.text.figures import is_year, spell_figures
from models.text.number_words import SCALES
from models.text.numerals import MONEY, spell_digits

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIGIT = re.compile(r"[0-9]")
_NOT_DIGIT = re.compile(r"[^0-9]")
_SPECIAL = re.compile(r"[0-9@%&]|\.[A-Za-z]|\b[ap]\.?m\b", re.IGNORECASE)
_GROUP = re.compile(r"[+(]*[0-9]{1,5}\)?[-.,?!]*")
_TELEPHONE_DIGITS = 7
_CORE = re.compile(r"(?P<lead>[^\w$£€+#]*)(?P<core>.*?)(?P<trail>[^\w%]*)", re.DOTALL)
_READ_OUT = re.compile(
    r"[+(]?[0-9]+(?:[-.)]+[0-9]+){2,}|\+?[0-9]{6,}|\+[0-9]+|\+?[0-9]{3}-[0-9]{1,4}"
    r"|[0-9]{5}-[0-9]{4}"  # a zip code in full
)
_HALF_DAY = re.compile(r"([ap])\.?m(?P<trail>\W*)", re.IGNORECASE)
_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})")
_FRACTION = re.compile(r"(?:([0-9]+) )?([1-3])[/\N{FRACTION SLASH}]([234])")
_HALVES = {
    "12": ("one", "half"),
    "13": ("one", "third"),
    "23": ("two", "thirds"),
    "14": ("one", "quarter"),
    "34": ("three", "quarters"),
}
_SHORT_MONEY = re.compile(r"([$£€])([0-9][0-9,.]*)(k|m|bn|b)", re.IGNORECASE)
_SHORT_SCALES = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}
_SCALED_MONEY = re.compile(r"\W*([$£€])[0-9][0-9,.]*")
_BETWEEN = re.compile(r"[/\\_|-]+")
_LETTERS_BESIDE_DIGITS = re.compile(r"(?<=[0-9])(?=[^\W\d_])|(?<=[^\W\d_])(?=[0-9])")
_UNIT = re.compile(r"[0-9,.:]+(?:st|nd|rd|th|s|[ap]\.?m\.?)", re.IGNORECASE)
_LONGEST_SPELLED = 3  # letters beside digits: more are a word
_UNITS = frozenset("gb mb tb kg km cm mm ml mph ft hz kw".split())
_SYMBOLS = {"%": " percent ", "&": " and "}
_FEWEST_READ_OUT = 3  # digits
_FEWEST_ALWAYS_READ_OUT = 4
_MONTHS = (
    "january february march april may june july august september october november december"
).split()


def speak_numbers(words: Sequence[str], *, by_digits: bool = False) -> list[list[str]]:
    """Return, for each written word, the words it is spoken as: ``"$2.50,"`` becomes five.

    Args:
        words: Of one utterance, in order.
        by_digits: Read bare numbers of three digits or more digit by digit, as callers read out
            an account; years and amounts stay unchanged.
    """
    if not any(_SPECIAL.search(word) for word in words):
        return [[word] for word in words]
    read_out = _telephone_groups(words)
    read_out |= {n for n in range(len(words)) if _is_read_out(words, n, by_digits=by_digits)}
    said = []
    for index, word in enumerate(words):
        previous = words[index - 1] if index else ""
        following = words[index + 1] if index + 1 < len(words) else ""
        said.append(_speak(word, (previous, following), is_read_out=index in read_out))
    return said


def _is_read_out(words: Sequence[str], index: int, *, by_digits: bool) -> bool:
    _, digits, trail = _parted(words[index])
    if not (digits.isascii() and digits.isdigit()) or len(digits) < _FEWEST_READ_OUT:
        return False
    if is_year(digits):
        return False
    if by_digits:
        return True
    if digits.endswith("00") and digits[0] != "0":
        return False
    beside = (*words[max(0, index - 1) : index], *words[index + 1 : index + 2])
    is_grouped = any(_GROUP.fullmatch(word) for word in beside)
    is_last = bool(trail) or not any(map(str.isalnum, "".join(words[index + 1 :])))
    return len(digits) >= _FEWEST_ALWAYS_READ_OUT or is_grouped or is_last


def _telephone_groups(words: Sequence[str]) -> set[int]:
    """Return the indices of groups of digits that together are a telephone number."""
    found: set[int] = set()
    run: list[int] = []
    for index, word in enumerate((*words, "")):
        if _GROUP.fullmatch(word):
            run.append(index)
            continue
        digits = _NOT_DIGIT.sub("", "".join(words[one] for one in run))
        if len(run) > 1 and len(digits) >= _TELEPHONE_DIGITS:
            found.update(run)
        run = []
    return found


def _speak(word: str, neighbours: tuple[str, str], *, is_read_out: bool) -> list[str]:
    previous, following = neighbours
    half_day = _HALF_DAY.fullmatch(word)
    if half_day and previous[-1:].isdigit():
        return [f"{half_day[1].lower()}.m.{half_day['trail'].lstrip('.')}"]
    money = _SCALED_MONEY.fullmatch(previous)
    if money and _bare(word) in SCALES:
        return [word.rstrip(".,?!"), MONEY[money[1]].units + word[len(word.rstrip(".,?!")) :]]
    address = speak_address(word)
    if address is not None:
        return address
    if not _SPECIAL.search(word):
        return [word]
    lead, core, trail = _parted(word)
    if _SCALED_MONEY.fullmatch(core) and _bare(following) in SCALES:
        core = core[1:]
    if core.endswith(":00") and _HALF_DAY.fullmatch(following):
        core = core[:-3]
    is_area_code = lead.endswith("(") and core.isdecimal()
    is_read_out = is_read_out or is_area_code or bool(_READ_OUT.fullmatch(core))
    said = _fraction(core, previous) or (
        spell_digits(_NOT_DIGIT.sub("", core)) if is_read_out else _words(core)
    )
    if not said:
        return [word]
    said[0] = lead + said[0]
    said[-1] += trail
    return said


def _parted(word: str) -> tuple[str, str, str]:
    """Return what stands before a word, the word, and what stands behind it."""
    match = _CORE.fullmatch(word)
    assert match, "the pattern fits every text"
    lead, core, trail = match["lead"], match["core"], match["trail"]
    if lead.endswith(".") and not lead.endswith("..") and core[:1].isdigit():  # ".5", not "...5"
        return lead[:-1], f".{core}", trail
    return lead, core, trail


def _bare(word: str) -> str:
    return word.lower().strip(".,?!")


def _fraction(core: str, previous: str) -> list[str]:
    """Return a half, thirds or quarters; behind a number it is joined: 2 1/2 is two and a half."""
    match = _FRACTION.fullmatch(core)
    if match is None or match[2] + match[3] not in _HALVES:
        return []
    whole, (count, part) = match[1] or "", _HALVES[match[2] + match[3]]
    if not (whole or previous[-1:].isdigit()):
        return [count, part]
    return [*spell_figures(whole).split(), "and", "a" if count == "one" else count, part]


def _words(core: str) -> list[str]:
    short = _SHORT_MONEY.fullmatch(core)
    if short:
        scale = _SHORT_SCALES[short[3].lower()]
        return [*spell_figures(short[2]).split(), scale, MONEY[short[1]].units]
    date = _DATE.fullmatch(core)
    plain = _spoken_date(date) if date else _BETWEEN.sub(" ", core)
    for symbol, word in _SYMBOLS.items():
        plain = plain.replace(symbol, word)
    if not _DIGIT.search(plain):
        return plain.split()
    pieces = plain.replace("#", " number ").split()
    spelled = (word for piece in pieces for word in _parts(piece))
    return [word.strip(".,:;$£€") or word for word in spelled]


def _parts(piece: str) -> list[str]:
    """Return the words of a piece between spaces: letters beside digits are spelled, if few."""
    if not _DIGIT.search(piece):
        return [piece]
    if _UNIT.fullmatch(piece):
        return spell_figures(piece.lower()).split()
    parts: list[str] = []
    for part in _LETTERS_BESIDE_DIGITS.split(piece):
        is_code = part.isalpha() and len(part) <= _LONGEST_SPELLED and part.lower() not in _UNITS
        parts += list(part) if is_code else spell_figures(part.lower()).split()
    return parts


def _spoken_date(date: re.Match[str]) -> str:
    """Return a date as its month, its day as an ordinal, and its year; months come first."""
    month, day = int(date[1]), int(date[2])
    if month > len(_MONTHS):
        month, day = day, month
    if not 1 <= month <= len(_MONTHS):
        return _BETWEEN.sub(" ", date[0])
    return f"{_MONTHS[month - 1]} {day}th {date[3]}"

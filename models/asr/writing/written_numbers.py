"""Rules of `normalisation`: numbers, amounts, dates and times of day."""

from models.asr.writing.phrase import Match, Phrase, is_figure, is_number
from models.asr.writing.spelled_out import spelled_letters
from models.text.number_words import (
    DIGITS,
    NUMBER_WORDS,
    SCALES,
    ZERO_LETTERS,
    cardinal_value,
    clock_time,
    digit_string,
    ordinal_cardinal,
    ordinal_text,
    year,
)

MIN_DIGITS = 3
MIN_DIGITS_AFTER_OH = 5
MIN_CARDINAL = 10

_MONTHS = set(
    "january february march april may june july august september october november december".split()
)
_DURATIONS = set("second seconds minute minutes hour hours day days week weeks".split())
_MONEY = {"dollar": "$", "dollars": "$", "euro": "€", "euros": "€"}


def number(phrase: Phrase, index: int) -> Match | None:
    """Take the longest run of number words: written as one number, or left as a whole."""
    end = number_end(phrase, index)
    if end == index:
        return None
    if phrase.text(index) in ZERO_LETTERS and end - index < MIN_DIGITS_AFTER_OH:
        return None
    texts = phrase.texts(index, end)
    before = phrase.text(index - 1) if index and not phrase.atoms[index - 1].is_closed else ""
    if is_figure(before) or before in _MONEY:  # "three dollars fifty"
        return Match(end - index, None)
    for written in (_with_unit, _plain_number):
        match = written(phrase, index, end)
        if match is not None:
            return match
    return Match(len(texts), None)


def number_end(phrase: Phrase, index: int) -> int:
    """Return where the longest run of number words from ``index`` on ends."""
    end = index
    while end < len(phrase.atoms) and _goes_on(phrase, index, end):
        end += 1
        if phrase.atoms[end - 1].is_closed or ordinal_cardinal(phrase.text(end - 1)):
            break
    return end


def _goes_on(phrase: Phrase, index: int, here: int) -> bool:
    text = phrase.text(here)
    if is_number(text):
        return True
    if here == index:
        return False
    following, before = phrase.following(here), phrase.text(here - 1)
    if text == "and":
        return before in SCALES and is_number(following)
    return text == "point" and following in DIGITS and before in NUMBER_WORDS


def _plain_number(phrase: Phrase, index: int, end: int) -> Match | None:
    """Return a number that stands for itself: digits, a decimal, a year, an ordinal, a cardinal."""
    texts = phrase.texts(index, end)
    after = phrase.following(end - 1)
    if is_figure(after) and not _is_spelled(phrase, end):
        return None
    text = _digits(texts, after) or _ordinal(texts, after)
    if text is None and _is_after_date(phrase, index) and after not in _DURATIONS:
        text = year(texts)
    if text is None and len(texts) > 1:
        text = _decimal(texts)
    if text is None:
        value = cardinal_value(texts)
        text = str(value) if value is not None and value >= MIN_CARDINAL else None
    return Match(end - index, text) if text else None


def _is_spelled(phrase: Phrase, index: int) -> bool:
    """Return whether letters are written in one from here on: "double b", "o i p"."""
    letters = spelled_letters(phrase, index)
    return letters is not None and letters.text is not None


def _digits(texts: list[str], after: str) -> str | None:
    digits = digit_string(texts)
    is_unsure = texts[-1] in ZERO_LETTERS and after  # "four two one oh i see"
    return digits if digits and len(digits) >= MIN_DIGITS and not is_unsure else None


def _ordinal(texts: list[str], after: str) -> str | None:
    cardinal = ordinal_cardinal(texts[-1])
    if cardinal is None:
        return None
    value = cardinal_value([*texts[:-1], cardinal])
    if value is None or value < MIN_CARDINAL:
        return None
    is_duration = texts[-1] == "second" and after != "of" and after not in _MONTHS
    return None if is_duration else ordinal_text(value)


def _is_after_date(phrase: Phrase, index: int) -> bool:
    """Return whether a year may stand here: after a month, alone or with its day."""
    before = index - 1
    while is_figure(phrase.text(before)):
        before -= 1
    is_year_next = before == index - 1 and phrase.text(before) in {"year", "since"}
    return is_year_next or phrase.text(before) in _MONTHS


def _decimal(texts: list[str]) -> str | None:
    is_sure = "point" in texts and texts[:2] != ["one", "point"]  # "at one point two people"
    return _amount(texts) if is_sure else None


def _with_unit(phrase: Phrase, index: int, end: int) -> Match | None:
    """Return a number with what follows it: percent, money, a time of day."""
    unit = phrase.following(end - 1)
    then = phrase.following(end) if unit else ""
    texts, size = phrase.texts(index, end), end - index
    amount, time = _amount(texts), clock_time(texts)
    measured = _measured(phrase, index, end, amount) if amount else None
    return measured or (_time(time, unit, then, size) if time else None)


def _measured(phrase: Phrase, index: int, end: int, amount: str) -> Match | None:
    """Return an amount with its currency or percent behind it, None without them."""
    unit, size = phrase.following(end - 1), end - index
    if unit in _MONEY:
        return _money(phrase, index, end, amount)
    if unit in {"percent", "%"}:
        return Match(size + 1, f"{amount}%")
    is_percent = unit == "per" and phrase.following(end) == "cent"
    return Match(size + 2, f"{amount}%") if is_percent else None


def _time(time: str, unit: str, then: str, size: int) -> Match | None:
    if unit == "o'clock" and ":" not in time:
        return Match(size + 1, f"{time}:00")
    if unit in {"a", "p"} and then == "m":
        return Match(size + 2, f"{time}{unit}m")
    if unit in {"a.m", "p.m", "pm"}:
        return Match(size + 1, time + unit.replace(".", ""))
    return None


def _amount(texts: list[str]) -> str | None:
    value = cardinal_value(texts)
    if value is not None:
        return str(value)
    if "point" in texts:
        point = texts.index("point")
        whole, digits = cardinal_value(texts[:point]), digit_string(texts[point + 1 :])
        return f"{whole}.{digits}" if whole is not None and digits else None
    return None


def _money(phrase: Phrase, index: int, end: int, amount: str) -> Match | None:
    sign = _MONEY[phrase.text(end)]
    after = phrase.following(end)
    if is_figure(after):
        return None
    if after == "and" and is_number(phrase.following(end + 1)):
        cents_end = number_end(phrase, end + 2)
        cents = cardinal_value(phrase.texts(end + 2, cents_end))
        unit = phrase.following(cents_end - 1)
        if cents is not None and 0 < cents < 100 and unit in {"cent", "cents"}:  # noqa: PLR2004
            return Match(cents_end + 1 - index, f"{sign}{amount}.{cents:02}")
    return Match(end + 1 - index, f"{sign}{amount}")


def number_after_article(phrase: Phrase, index: int) -> Match | None:
    """Take "a hundred and twenty": the article counts as one, if more than the scale follows."""
    if phrase.text(index) not in {"a", "an"} or phrase.following(index) not in SCALES:
        return None
    end = number_end(phrase, index + 1)
    value = cardinal_value(["one", *phrase.texts(index + 1, end)])
    if value is None or end - index <= 2 or is_figure(phrase.following(end - 1)):  # noqa: PLR2004
        return Match(end - index, None)
    return _measured(phrase, index, end, str(value)) or Match(end - index, str(value))

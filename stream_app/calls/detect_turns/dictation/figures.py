"""Figures and spelled letters of a text read one by one, as they are said in a dictation."""

import re

from models.text.figures import is_year

FEWEST_DIGITS = 3  # two are read as one number, in a dictation as well
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_FIGURE = re.compile(r"\+?[0-9]+(?:-[0-9]+)*")
_CODE = re.compile(r"[A-Za-z]{1,3}-?[0-9]+[A-Za-z]{0,2}")
_SPELLED = re.compile(r"[A-Z]{2,10}")
_SPELLING_CUE = re.compile(
    r"\b(?:spell|spells|spelled|spelt|spelling|letters?|surname|(?:last|first|family) name|code"
    r"|reference|postcode|registration|plate)\b",
    re.IGNORECASE,
)
_NOT_DIGIT = re.compile(r"[^0-9]")
_BEFORE, _AFTER = "(\"'-", ")\"'.,;:!?-"


def by_digits(text: str) -> str:
    """Return a text in which the characters of long figures stand apart.

    "4000", "4,000", "4271-5555" and "AB400" are such figures; amounts of money, times, dates,
    decimals, ordinals, percentages and years in four digits stay as they are. So do capitals as in
    "PRES", unless a name or a code is being spelled.
    """
    words = text.split()
    is_spelling = _SPELLING_CUE.search(text) is not None and not text.isupper()
    return " ".join(
        " ".join(word.strip(_AFTER))
        if is_spelling and _SPELLED.fullmatch(word.strip(_AFTER))
        else _apart(word)
        for word in words
    )


def last_digits(text: str) -> int:
    """Return how many digits the last word of a text has."""
    return len(_NOT_DIGIT.sub("", text.rsplit(maxsplit=1)[-1])) if text.strip() else 0


def _apart(word: str) -> str:
    core = word.lstrip(_BEFORE).rstrip(_AFTER)
    if last_digits(core) < FEWEST_DIGITS:
        return word
    if _THOUSANDS.fullmatch(core):
        core = core.replace(",", "")
    is_figure = _FIGURE.fullmatch(core) or _CODE.fullmatch(core)
    if not is_figure or is_year(core):
        return word
    plus = "plus " if core.startswith("+") else ""
    return plus + " ".join(core.lstrip("+").replace("-", ""))

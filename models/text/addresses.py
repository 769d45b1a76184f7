"""Addresses of mail and web as they are said: ``john.smith@gmail.com`` is john dot smith at .."""

from __future__ import annotations

import re

from models.text.numerals import spell_digits

DOMAINS = frozenset({"com", "org", "net", "edu", "gov", "info", "io"})  # that end a web address
SPOKEN_MARKS = {"@": "at", ".": "dot", "_": "underscore", "-": "dash", "+": "plus"}

_ENDS = "|".join((*sorted(DOMAINS), r"co\.uk"))
_MAIL = re.compile(r"(\W*)([A-Za-z0-9][\w.+-]*@(?:[\w.-]*\w)?)(\W*)")
_WEB = re.compile(rf"(\W*)((?:[A-Za-z0-9-]+\.)+(?:{_ENDS}))(\W*)", re.IGNORECASE)
_PART = re.compile(r"[^\W\d_]+|[0-9]|[@._+-]")


def speak_address(word: str) -> list[str] | None:
    """Return the words of an address, marks around it kept; None for another word."""
    match = _MAIL.fullmatch(word) or _WEB.fullmatch(word)
    if match is None:
        return None
    said = [_spoken(part) for part in _PART.findall(match[2])]
    said[0] = match[1] + said[0]
    said[-1] += match[3]
    return said


def _spoken(part: str) -> str:
    return spell_digits(part)[0] if part.isdigit() else SPOKEN_MARKS.get(part, part)

"""Written phrasings: how the gaps of a template are filled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

_CHOICE = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"<(\w+)>")
_SENTENCE_START = re.compile(r"(^|[.?!]\s+)([a-z])")
_ARTICLE = re.compile(r"\b([Aa]) (?=(?:eight|eleven|18|11|8)\b)")


def filled(phrasing: str, slots: Mapping[str, str], draw: random.Random) -> str:
    """Return a phrasing with its choices made and its slots filled.

    Args:
        phrasing: ``{a|b}`` is one of several wordings, ``<name>`` a slot.
        slots: Text by name of the slot.
        draw: Makes the choices.
    """
    chosen = _CHOICE.sub(lambda match: draw.choice(match[1].split("|")), phrasing)
    text = _SLOT.sub(lambda match: slots[match[1]], chosen)
    return _ARTICLE.sub(r"\1n ", text)


def with_capitals(text: str) -> str:
    """Return a text whose sentences begin with a capital letter."""
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


def slots_of(phrasing: str) -> set[str]:
    """Return the names of the slots of a phrasing."""
    return set(_SLOT.findall(phrasing))

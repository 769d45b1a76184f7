"""The people and the place of a call, as slots of its phrasings."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from training.classification.narratives.topics import CONTENT
from training.text.phrasings import filled

if TYPE_CHECKING:
    import random

    from training.classification.narratives.topics import Topic, Who

_BABY_YEARS = 1  # at most
_YOUNGEST_CALLER, _OLDEST_CALLER = 8, 17  # a child that calls for itself, in years
_BY_FIGURE = 0.6  # of the ages: as a figure, the others as words
_GIRLS, _WOMEN = 0.5, 0.6  # of the children, of the callers
_PRONOUNS = {
    "girl": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
    "boy": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
}


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names, places and how a child is called by whose it is."""

    girls: tuple[str, ...]
    boys: tuple[str, ...]
    agents: tuple[str, ...]
    places: tuple[str, ...]
    own_girls: tuple[str, ...]
    own_boys: tuple[str, ...]
    own_babies: tuple[str, ...]
    other_girls: tuple[str, ...]
    other_boys: tuple[str, ...]
    other_babies: tuple[str, ...]
    numbers: tuple[str, ...]


@cache
def all_names() -> Names:
    """Return the names of ``content/people.toml``."""
    return msgspec.convert(tomllib.loads((CONTENT / "people.toml").read_text("utf-8")), Names)


def cast_of(topic: Topic, who: Who, draw: random.Random) -> dict[str, str]:
    """Return the slots of a call: names, place, age and pronouns of whom it is about."""
    names = all_names()
    is_girl = topic.girls or who in ("self", "friend") or draw.random() < _GIRLS
    years = _years(topic, who, draw)
    months = draw.randint(2, 11)
    slots = {
        "agent": draw.choice(names.agents),
        "place": draw.choice(names.places),
        "caller": draw.choice(
            names.girls if who == "self" or draw.random() < _WOMEN else names.boys
        ),
        "name": draw.choice(names.girls if is_girl else names.boys),
        **_PRONOUNS["girl" if is_girl else "boy"],
        **_ages(years, months, draw),
    }
    called = f"{'own' if who == 'parent' else 'other'}_"
    kind = "babies" if years <= _BABY_YEARS else "girls" if is_girl else "boys"
    slots["child"] = filled(draw.choice(getattr(names, called + kind)), slots, draw)
    return slots


def _years(topic: Topic, who: Who, draw: random.Random) -> int:
    low, high = topic.ages
    if who == "child":
        low, high = max(low, _YOUNGEST_CALLER), max(high, _YOUNGEST_CALLER + 1)
    return draw.randint(low, min(high, _OLDEST_CALLER))


def _ages(years: int, months: int, draw: random.Random) -> dict[str, str]:
    by_figure = draw.random() < _BY_FIGURE

    def said(number: int) -> str:
        return str(number) if by_figure or number > _OLDEST_CALLER else all_names().numbers[number]

    if not years:
        only = f"{said(months)} months"
        return {"age": only, "age_only": only, "next_age": said(months + 1), "aged": f"{only} old"}
    unit = "year" if years == 1 else "years"
    return {
        "age": said(years),
        "age_only": said(years),
        "next_age": said(years + 1),
        "aged": f"{said(years)} {unit} old",
    }

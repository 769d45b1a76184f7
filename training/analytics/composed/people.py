"""Names, numbers and days of a call, which no split has to itself, and when it takes place."""

from __future__ import annotations

import random
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from models.analytics.turns import TemporalContext

if TYPE_CHECKING:
    from collections.abc import Sequence

AGENTS = (
    "Dana Lee Marcus Priya Tom Aisha Jonas Carla Ben Nadia Oscar Ruth Felix Ines Kofi Mei Paul "
    "Sandra Vikram Wendy"
).split()
NAMES = (
    "Alice Warner", "Bill Okafor", "Chen Liu", "Dorothy Kemp", "Erik Lindgren", "Fatima Haddad",
    "Grace Mwangi", "Hugo Santos", "Irene Novak", "Jack Doyle", "Kavita Rao", "Liam Byrne",
    "Maria Costa", "Noah Fischer", "Olga Petrova", "Peter Vance", "Rosa Jimenez", "Sam Whitfield",
    "Tess Armitage", "Usman Khan", "Vera Collins", "Will Hargreaves", "Yuki Mori", "Zoe Barker",
)  # fmt: skip
TEAMS = (
    "our billing team", "the technical team", "our second line", "the specialist desk",
    "our back office", "the claims desk", "our service team", "the head office",
    "our customer relations team", "the local branch",
)  # fmt: skip
RIVALS = ("Nortel Direct", "Acorn", "Bluebird", "Zippy", "Summit", "Orbit", "Maple One", "Freeway")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January February March April May June July August September October November December"
).split()
YEARS = ("two", "four", "six", "eight", "ten", "twelve", "fifteen", "twenty")
_CURRENCIES = ("dollars", "pounds", "euros")
AMOUNTS = ("ten", "fifteen", "twenty", "twenty five", "thirty", "forty", "fifty", "sixty")
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
).split()
_DIGITS = "0123456789"
_FIRST_PERSON = tuple(
    (re.compile(rf"\b{pattern}\b"), said)
    for pattern, said in (
        ("your", "my"),
        ("you were", "I was"),
        (r"((?:to|at|with|for|on|told|treat\w*|insulted) )you", r"\1me"),
        ("you", "I"),
    )
)
_FIRST_DAY = datetime.fromisoformat("2025-01-01")  # local time, without a zone
_DAYS_OF_CALLS = 600
_OPENS, _CLOSES = 8, 21
_NOON, _EVENING = 12, 17
_LONGEST_WAIT_S = 900


def context_of(draw: random.Random) -> TemporalContext:
    """Return when a call took place: its time and the wait; what follows from them is left out."""
    begin = _FIRST_DAY + timedelta(
        days=draw.randrange(_DAYS_OF_CALLS),
        hours=draw.randrange(_OPENS, _CLOSES),
        minutes=draw.randrange(60),
        seconds=draw.randrange(60),
    )
    wait = round(draw.expovariate(1 / 120))
    return TemporalContext(
        timestamp=begin.isoformat(), queue_wait_time_seconds=min(wait, _LONGEST_WAIT_S)
    )


def slots_of_call(
    companies: Sequence[str], gist: str, context: TemporalContext, draw: random.Random
) -> dict[str, str]:
    """Return what fills the gaps of a call."""
    hour = datetime.fromisoformat(context.timestamp).hour if context.timestamp else _NOON
    return {
        "company": draw.choice(companies),
        "gist": gist,
        "mine": _as_customer(gist),
        "agent": draw.choice(AGENTS),
        "name": draw.choice(NAMES),
        "number": _digits(draw, 5),
        "zip": _digits(draw, 5),
        "phone": f"555 {_digits(draw, 4)}",
        "birth": f"{draw.choice(MONTHS)} {draw.choice(_ORDINALS)}, {draw.randrange(1945, 2004)}",
        "team": draw.choice(TEAMS),
        "rival": draw.choice(RIVALS),
        "day": draw.choice(DAYS),
        "years": draw.choice(YEARS),
        "amount": f"{draw.choice(AMOUNTS)} {draw.choice(_CURRENCIES)}",
        "daytime": "morning" if hour < _NOON else "afternoon" if hour < _EVENING else "evening",
    }


def _as_customer(gist: str) -> str:
    """Return what a call is about as the customer calls it: my card, how they treated me."""
    for pattern, said in _FIRST_PERSON:
        gist = pattern.sub(said, gist)
    return gist


def _digits(draw: random.Random, number: int) -> str:
    return "".join(draw.choice(_DIGITS) for _ in range(number))

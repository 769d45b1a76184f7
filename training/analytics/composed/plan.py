"""What will be planted in a call: drawn before anything is written.

The churn band comes first, in a fixed order, so that no band has more than two fifths of eight
calls or more. Then come journey, category, what is wanted, what the agent does, the faults, and
last the tone, which depends on all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from models.analytics.analysis import MAX_FAULTS
from training.analytics.composed.facts import Cue, Tone

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from models.analytics.guide import AnalysisGuide
    from schemas.insights import ChurnBand
    from training.analytics.composed.content import Content, Kind, Problem

NameT = TypeVar("NameT", bound=str)
_ORDER: tuple[ChurnBand, ...] = ("low", "medium", "high")
_LENGTHS = 20  # calls after which the order of the lengths repeats
_LONG = (5, 12, 19)  # of them: 15 %

# Weights of the kinds by journey
_KINDS: dict[str, dict[Kind, float]] = {
    "information": {"information": 1},
    "new request": {"request": 1},
    "problem report": {"problem": 1},
    "repeat contact": {"problem": 7, "request": 2, "information": 1},
    "complaint": {"complaint": 5, "problem": 4, "request": 1},
    "cancellation": {"cancel": 1, "leave": 1},
}
# Weights of the actions by kind; "solution" is what is written for the problem
_ACTIONS: dict[Kind, dict[str, float]] = {
    "information": {"solution": 66, "passed on": 26, "": 8},
    "request": {"solution": 40, "passed on": 20, "refused": 32, "": 8},
    "problem": {"solution": 36, "refunded": 13, "passed on": 26, "refused": 18, "": 7},
    "cancel": {"solution": 48, "passed on": 16, "refused": 28, "": 8},
    "leave": {"solution": 50, "passed on": 24, "refused": 18, "": 8},
    "complaint": {"refunded": 34, "passed on": 38, "refused": 18, "": 10},
}
_FAULT_NUMBERS = (38, 34, 20, 8)  # weights of no, one, two and three faults
_FAULTS = {  # weights beside one another; an empty promise needs a matter that stays open
    "no greeting": 11,
    "interrupts": 12,
    "no empathy": 12,
    "rude": 11,
    "jargon": 11,
    "unexplained hold": 11,
    "asks twice": 12,
    "empty promise": 80,
}
_TONES: dict[str, dict[Tone | None, float]] = {
    "good": {"delighted": 30, "satisfied": 36, "lukewarm": 10, "annoyed": 4, None: 20},
    "mixed": {"delighted": 6, "satisfied": 30, "lukewarm": 28, "annoyed": 18, None: 18},
    "bad": {"satisfied": 10, "lukewarm": 26, "annoyed": 34, "furious": 16, None: 14},
    "worst": {"lukewarm": 14, "annoyed": 36, "furious": 38, None: 12},
}
_GRADES = ("good", "mixed", "bad", "worst")
_ABANDONS: dict[Tone | None, float] = {"annoyed": 6, "furious": 4}
_RUDE_POINTS = 30
_MANY_POINTS = 25  # of the faults of a call that went badly
_WORST = len(_GRADES) - 1
_SHARES = {"identity": 0.7, "restates": 0.55, "anything else": 0.6, "farewell": 0.7}
_LOYAL = 0.3  # of the customers with a low risk say that they stay
_NEXT_STEP = 0.7  # of the matters passed on without an empty promise


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is planted in a call.

    Attributes:
        category: Main category.
        journey: Of the guide.
        problem: What the customer calls about.
        action: Of the guide; empty where the customer gives up before any.
        outcome: Of the guide.
        faults: Of the agent.
        cues: Of churn.
        tone: Of the customer at the end.
        yes: Questions of the scorecard that the agent earns a yes for, if they apply.
        is_long: More is said than the facts need.
    """

    category: str
    journey: str
    problem: Problem
    action: str
    outcome: str
    faults: tuple[str, ...]
    cues: tuple[Cue, ...]
    tone: Tone | None
    yes: frozenset[str]
    is_long: bool


def band_of(index: int) -> ChurnBand:
    """Return the churn band of the call at a position."""
    return _ORDER[index % len(_ORDER)]


def is_long(index: int) -> bool:
    """Whether the call at a position is one of the longer ones."""
    return index % _LENGTHS in _LONG


def draw_plan(index: int, content: Content, guide: AnalysisGuide, draw: random.Random) -> Plan:
    """Return the plan of the call at a position."""
    band = band_of(index)
    journey = draw.choice(list(_KINDS))
    kind = _kind(journey, band, draw)
    category = draw.choice(content.categories)
    problem = draw.choice(category.of_kind(kind))
    cues = draw_cues(band, draw, is_leaving=kind == "leave")
    action, outcome = _handling(problem, cues, draw)
    faults = draw_faults(guide, draw, open_promise=action == "passed on", is_abandoned=not action)
    return Plan(
        category=category.name,
        journey=journey,
        problem=problem,
        action=action,
        outcome=outcome,
        faults=faults,
        cues=cues,
        tone=draw_tone(outcome, faults, cues, guide, draw),
        yes=draw_yes(draw),
        is_long=is_long(index),
    )


def weighted(weights: Mapping[NameT, float], draw: random.Random) -> NameT:
    """Return one of the keys, by their weights."""
    return draw.choices(list(weights), list(weights.values()))[0]


def draw_cues(band: ChurnBand, draw: random.Random, *, is_leaving: bool) -> tuple[Cue, ...]:
    """Return the cues that make up a band.

    Args:
        band: That follows from them.
        draw: Makes the choices.
        is_leaving: What the customer wants is to end a contract or an account.
    """
    if is_leaving:
        return ("leaves",) if band == "high" else ("leaves", "stays")
    if band == "high":
        return (draw.choice(("threatens", "leaves")),)
    if band == "medium":
        both: tuple[Cue, ...] = ("dissatisfied", "comparing")
        return draw.choice((("dissatisfied",), ("comparing",), ("dissatisfied",), both))
    return ("loyal",) if draw.random() < _LOYAL else ()


def draw_faults(
    guide: AnalysisGuide, draw: random.Random, *, open_promise: bool, is_abandoned: bool
) -> tuple[str, ...]:
    """Return faults, in the guide's order; one at least where the customer gives up."""
    number = draw.choices(range(MAX_FAULTS + 1), _FAULT_NUMBERS)[0]
    left = dict(_FAULTS)
    if not open_promise:
        del left["empty promise"]
    chosen: set[str] = set()
    for _ in range(max(number, int(is_abandoned))):
        name = weighted(left, draw)
        chosen.add(name)
        del left[name]
    return tuple(each.name for each in guide.faults if each.name in chosen)


def draw_tone(
    outcome: str,
    faults: Sequence[str],
    cues: Sequence[Cue],
    guide: AnalysisGuide,
    draw: random.Random,
) -> Tone | None:
    """Return the customer's tone at the end, as outcome and faults make it likely."""
    if outcome == "abandoned":
        weights = dict(_ABANDONS)
    else:
        points = sum(each.points for each in guide.faults if each.name in faults)
        grade = {"resolved": 0, "pending": 1, "unresolved": 2}[outcome]
        grade += (points >= _MANY_POINTS) + (points >= _RUDE_POINTS)
        weights = dict(_TONES[_GRADES[min(grade, _WORST)]])
    if set(cues) & {"leaves", "threatens", "dissatisfied"} and "stays" not in cues:
        weights["delighted"] = 0
    tones = list(weights)
    return draw.choices(tones, [weights[each] for each in tones])[0]


def draw_yes(draw: random.Random) -> frozenset[str]:
    """Return the questions of the scorecard that the agent earns a yes for, if they apply."""
    shares = {**_SHARES, "next step": _NEXT_STEP}
    return frozenset(name for name, share in shares.items() if draw.random() < share)


def _kind(journey: str, band: ChurnBand, draw: random.Random) -> Kind:
    weights = dict(_KINDS[journey])
    if band == "low":
        weights.pop("leave", None)  # who ends a contract leaves
    elif band == "medium" and "leave" in weights:
        weights["leave"] /= 2
    elif "leave" in weights:
        weights["leave"] *= 2
    return weighted(weights, draw)


def _handling(problem: Problem, cues: Sequence[Cue], draw: random.Random) -> tuple[str, str]:
    """Return action and outcome."""
    if "stays" in cues and problem.kind == "leave":
        return "refunded", "resolved"  # the offer that keeps the customer
    action = weighted(_ACTIONS[problem.kind], draw)
    if action == "solution":
        return problem.action, "pending" if problem.is_later else "resolved"
    if not action:
        return "", "abandoned"
    by_action = {"passed on": "pending", "refused": "unresolved"}
    return action, by_action.get(action, "resolved")

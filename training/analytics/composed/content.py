"""What is written: what agents and customers say, and what customers call about, by split."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from training.analytics.composed.phrasings import of_split
from training.core.errors import MissingDataError
from training.core.splits import Split

CONTENT = Path(__file__).parent / "content"
Phrasings = tuple[str, ...]
Kind = Literal["information", "request", "problem", "cancel", "leave", "complaint"]
SolutionAction = Literal["answered", "done", "fixed", "refunded"]
KINDS: tuple[Kind, ...] = ("information", "request", "problem", "cancel", "leave", "complaint")
OWN = "_own"  # ends the name of a list whose matters concern the customer's own account or order
_OWN_ALWAYS = ("cancel", "leave")
_NO_PHRASINGS = ("category", "companies")
_USUAL: dict[Kind, SolutionAction] = {
    "information": "answered",
    "request": "done",
    "problem": "fixed",
    "cancel": "done",
    "leave": "done",
}
_MARKED: dict[str, SolutionAction] = {"~": "done", "+": "done", "$": "refunded"}
_LATER = "~"
FormT = TypeVar("FormT")


class Agent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How agents begin, restate, and ask who the customer is; see ``content/agent.toml``."""

    openings: Phrasings
    bare_openings: Phrasings
    restates: Phrasings
    identity: dict[str, Phrasings]
    again: dict[str, Phrasings]


class Handling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What agents do, and how they end a call; see ``content/handling.toml``."""

    leads: dict[str, Phrasings]
    actions: dict[str, Phrasings]
    closing: dict[str, Phrasings]


class Conduct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faults, and what is like them but is none; see ``content/conduct.toml``."""

    cuts: Phrasings
    cut_ins: Phrasings
    resumes: Phrasings
    customer_cuts: Phrasings
    troubles: Phrasings
    passes_over: Phrasings
    empathy: Phrasings
    sorries: Phrasings
    rude: Phrasings
    to_rudeness: Phrasings
    jargon: Phrasings
    explained: Phrasings
    bare_holds: Phrasings
    polite_holds: Phrasings
    fillers: Phrasings


class Customer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What customers say beside their matter; see ``content/customer.toml``."""

    hellos: Phrasings
    confirms: Phrasings
    accepts: Phrasings
    takes_refusals: Phrasings
    nothing_more: Phrasings
    goodbyes: Phrasings
    small_talk: Phrasings
    details: Phrasings
    closing: dict[str, Phrasings]
    abandons: dict[str, Phrasings]
    churn: dict[str, Phrasings]
    journey: dict[str, Phrasings]


class Problem(msgspec.Struct, frozen=True):
    """What a customer calls about.

    Attributes:
        kind: What is wanted.
        is_own: It concerns the customer's own account, order or booking.
        written: The phrasing as the file has it.
        say: What the customer says.
        gist: What it is about, as the agent calls it.
        solution: What the agent can do within the call; empty where nothing.
        action: That the solution is.
        is_later: Something is still to happen after the solution.
    """

    kind: Kind
    is_own: bool
    written: str
    say: str
    gist: str
    solution: str
    action: SolutionAction
    is_later: bool


class Category(msgspec.Struct, frozen=True):
    """A main category: whom customers call, and about what."""

    name: str
    companies: Phrasings
    problems: tuple[Problem, ...]

    def of_kind(self, kind: Kind) -> list[Problem]:
        """Return the problems of a kind."""
        return [each for each in self.problems if each.kind == kind]


class Content(msgspec.Struct, frozen=True):
    """All phrasings of one split."""

    agent: Agent
    handling: Handling
    conduct: Conduct
    customer: Customer
    categories: tuple[Category, ...]


@cache
def content_of(split: Split) -> Content:
    """Return the phrasings of a split.

    Raises:
        MissingDataError: A file is not of the form.
    """
    return Content(
        _convert(_only(_read("agent"), split), Agent),
        _convert(_only(_read("handling"), split), Handling),
        _convert(_only(_read("conduct"), split), Conduct),
        _convert(_only(_read("customer"), split), Customer),
        tuple(_category(path.stem, split) for path in sorted(CONTENT.glob("problems_*.toml"))),
    )


def all_phrasings(split: Split) -> list[str]:
    """Return every phrasing of a split as it is written."""
    names = [path.stem for path in sorted(CONTENT.glob("*.toml"))]
    return [text for name in names for text in _texts(_only(_read(name), split))]


def _texts(written: Any) -> list[str]:
    if isinstance(written, dict):
        kept = [value for name, value in written.items() if name not in _NO_PHRASINGS]
        return [text for value in kept for text in _texts(value)]
    return list(written)


def _category(name: str, split: Split) -> Category:
    written = _read(name)
    problems = []
    for key, phrasings in written.items():
        if key not in _NO_PHRASINGS:
            problems += [_problem(name, key, each) for each in of_split(phrasings, split)]
    return Category(written["category"], tuple(written["companies"]), tuple(problems))


def _problem(file: str, key: str, written: str) -> Problem:
    kind = key.removesuffix(OWN)
    parts = written.split(" | ")
    if kind not in KINDS or len(parts) != len(("said", "about", "solution")):
        raise MissingDataError(f"{file}.toml: {key}: {written!r} is not 'said | about | solution'")
    say, gist, solution = parts
    mark = solution[:1] if solution[:1] in _MARKED else ""
    return Problem(
        kind=kind,
        is_own=key.endswith(OWN) or kind in _OWN_ALWAYS,
        written=written,
        say=say,
        gist=gist,
        solution="" if solution == "-" else solution.removeprefix(mark),
        action=_MARKED[mark] if mark else _USUAL.get(kind, "answered"),
        is_later=mark == _LATER,
    )


def _only(written: Any, split: Split) -> Any:
    """Return a copy whose lists have the phrasings of a split alone."""
    if isinstance(written, dict):
        return {
            name: value if name in _NO_PHRASINGS else _only(value, split)
            for name, value in written.items()
        }
    return of_split(written, split)


@cache
def _read(name: str) -> dict[str, Any]:
    path = CONTENT / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MissingDataError(f"the phrasings {path} cannot be read: {error}") from error


def _convert(written: Any, form: type[FormT]) -> FormT:
    try:
        return msgspec.convert(written, form)
    except msgspec.ValidationError as error:
        raise MissingDataError(f"the phrasings of {form.__name__} in {CONTENT}: {error}") from error

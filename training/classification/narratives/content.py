"""What is said around a topic: greetings, questions, circumstances, what the agent does.

What stands in ``content/*.toml`` belongs to the splits by position, what stands in
``content/further/*.toml`` under the same names to the training split.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from training.classification.corpus.rows import Split
from training.classification.narratives.phrasings import of_split
from training.classification.narratives.topics import CONTENT
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

Pairs = tuple[tuple[str, ...], ...]  # what the agent says, what the caller answers, and so on
_SHARED = "services"  # names, which all splits share
_FURTHER = "further/*.toml"


class Speech(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said in any call."""

    greetings: tuple[str, ...]
    hellos: tuple[str, ...]
    names: tuple[str, ...]
    child_ages: tuple[str, ...]
    other_ages: tuple[str, ...]
    ask_names: tuple[str, ...]
    ask_ages: tuple[str, ...]
    hesitations: tuple[str, ...]
    asks_more: tuple[str, ...]
    empathy: tuple[str, ...]
    questions: tuple[str, ...]
    wishes: tuple[str, ...]
    small_talk: Pairs
    digressions: tuple[str, ...]
    summaries: tuple[str, ...]
    confirmations: tuple[str, ...]
    thanks: tuple[str, ...]
    goodbyes: tuple[str, ...]
    notes: tuple[str, ...]


class Recaps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the agent sums up what was done, by intervention."""

    referred: tuple[str, ...]
    signposting: tuple[str, ...]
    counselling: tuple[str, ...]
    awareness: tuple[str, ...]


class Actions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent does at the end, by intervention, and the services by their key."""

    referred: Pairs
    signposting: Pairs
    counselling: Pairs
    awareness: Pairs
    awareness_more: Pairs
    recaps: Recaps
    services: dict[str, tuple[str, ...]]


class Views(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Circumstances as the one concerned tells them, and as others do."""

    me: tuple[str, ...]
    other: tuple[str, ...]


class Circumstances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What makes a call urgent or not, by concern."""

    ask_danger: tuple[str, ...]
    high: dict[str, Views]
    medium: dict[str, Views]
    low: dict[str, Views]


class Elsewhere(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What belongs to another main category: said by the way, or asked and denied."""

    mentions: dict[str, tuple[str, ...]]
    denials: dict[str, Pairs]


class NoCalls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calls that no label fits, by the reason to abstain."""

    wrong_number: Pairs
    prank: Pairs
    silent: Pairs


class Content(msgspec.Struct, frozen=True):
    """All that is written beside the topics; of one split or whole."""

    speech: Speech
    actions: Actions
    circumstances: Circumstances
    elsewhere: Elsewhere
    no_calls: NoCalls


@cache
def whole_content() -> Content:
    """Return everything, whatever its split.

    Raises:
        MissingDataError: A file is not of the form.
    """
    return _content(_joined(_written(), _further()))


@cache
def content_of(split: Split) -> Content:
    """Return the phrasings of a split; the names of services are shared by all.

    Raises:
        MissingDataError: A file is not of the form.
    """
    written = _only(_written(), split)
    return _content(_joined(written, _further()) if split == "train" else written)


def _written() -> dict[str, object]:
    return {name: _read(CONTENT / f"{name}.toml") for name in Content.__struct_fields__}


def _further() -> dict[str, object]:
    return {path.stem: _read(path) for path in sorted(CONTENT.glob(_FURTHER))}


def _read(path: Path) -> object:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise MissingDataError(f"the narratives {path.name} are not valid: {error}") from error


def _content(written: object) -> Content:
    try:
        return msgspec.convert(written, Content)
    except msgspec.ValidationError as error:
        raise MissingDataError(f"the narratives in {CONTENT} are not valid: {error}") from error


def _only(node: object, split: Split) -> object:
    """Return the node with every list cut down to what belongs to the split."""
    if isinstance(node, dict):
        return {
            name: value if name == _SHARED else _only(value, split) for name, value in node.items()
        }
    return of_split(node, split) if isinstance(node, list) else node


def _joined(node: object, further: object) -> object:
    """Return the node with every list made longer by the one that has its name in the other."""
    if isinstance(node, dict) and isinstance(further, dict):
        if unknown := further.keys() - node.keys():
            raise MissingDataError(f"{_FURTHER} names what there is not: {', '.join(unknown)}")
        return {name: _joined(value, further.get(name)) for name, value in node.items()}
    if isinstance(node, list) and isinstance(further, list):
        return [*node, *further]
    if further is not None:
        raise MissingDataError(f"{_FURTHER} is not of the form of what it goes on")
    return node

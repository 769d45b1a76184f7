"""What is said around a topic: greetings, questions, circumstances, what the agent does."""

from __future__ import annotations

import tomllib
from functools import cache

import msgspec

from training.classification.corpus.rows import Split
from training.classification.narratives.phrasings import of_split
from training.classification.narratives.topics import CONTENT
from training.core.errors import MissingDataError

Pairs = tuple[tuple[str, ...], ...]  # what the agent says, what the caller answers, and so on
_SHARED = "services"  # names, which all splits share


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
    return _content(_written())


@cache
def content_of(split: Split) -> Content:
    """Return the phrasings of a split; the names of services are shared by all."""
    return _content(_only(_written(), split))


def _written() -> dict[str, object]:
    return {
        name: tomllib.loads((CONTENT / f"{name}.toml").read_text("utf-8"))
        for name in Content.__struct_fields__
    }


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

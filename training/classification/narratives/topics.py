"""Topics: what calls of one sub-category are about, as written in ``content``."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import msgspec

from training.classification.corpus.rows import SPLITS, Split
from training.classification.narratives.phrasings import LEAST, of_split
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

FormT = TypeVar("FormT")

CONTENT = Path(__file__).parent / "content"
TOPICS, FURTHER, UNSEEN = "topics/*.toml", "further/*.txt", "unseen/*.txt"
PRIORITIES = {"H": "High", "M": "Medium", "L": "Low"}
Priorities = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
Who = Literal["child", "parent", "adult", "self", "friend"]
Concern = Literal[
    "violence", "distress", "sexual", "health", "mind", "neglect", "exploitation", "calm"
]


class Situation(msgspec.Struct, frozen=True):
    """Something that happened, in one wording.

    Attributes:
        family: Of templates, unique over all topics.
        who: Speaks: the child itself, a parent, an adult about somebody else's child, an adult
            about themselves, or an adult about another adult.
        priorities: That it may have, by the circumstances that are added.
        core: What is said first.
        details: What may follow.
    """

    family: str
    who: Who
    priorities: tuple[str, ...]
    core: str
    details: tuple[str, ...]


class Topic(msgspec.Struct, frozen=True):
    """A sub-category.

    Attributes:
        name: Of the label.
        concern: Whose circumstances say how urgent it is.
        urgent: Key of the circumstances that make it High; mostly that of the concern.
        services: Key of the services that help.
        ages: Youngest and oldest child in years.
        girls: Only of girls.
        gists: Noun phrases that sum it up.
        facts: That an agent explains.
        situations: Of all splits, by position.
        further: Situations that are for training only.
        unseen: Situations that are never trained on, for validation and test by turns.
    """

    name: str
    concern: Concern
    urgent: str
    services: str
    ages: tuple[int, int]
    girls: bool
    gists: tuple[str, ...]
    facts: tuple[str, ...]
    situations: tuple[Situation, ...]
    further: tuple[Situation, ...]
    unseen: tuple[Situation, ...]

    def situations_of(self, split: Split) -> list[Situation]:
        """Return the situations of a split."""
        more = {"train": self.further, "validation": self.unseen[::2], "test": self.unseen[1::2]}
        return [*of_split(self.situations, split), *more[split]]


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic as its file has it; a situation is ``who/priorities: core // detail // detail``."""

    concern: Concern
    services: str
    gists: tuple[str, ...]
    facts: tuple[str, ...]
    situations: tuple[str, ...]
    ages: tuple[int, int] = (6, 17)
    girls: bool = False
    urgent: str = ""


@cache
def all_topics() -> tuple[Topic, ...]:
    """Return the topics of all files, by name.

    Raises:
        MissingDataError: A file is not of the form, or a topic lacks phrasings for a split.
    """
    further, unseen = _by_topic(FURTHER), _by_topic(UNSEEN)
    found: dict[str, Topic] = {}
    for path in sorted(CONTENT.glob(TOPICS)):
        for name, topic in _read(path, dict[str, _Written]).items():
            if name in found:
                raise MissingDataError(f"the topic {name!r} of {path.name} stands there twice")
            found[name] = _topic(name, topic, further.pop(name, ()), unseen.pop(name, ()))
    for pattern, left in ((FURTHER, further), (UNSEEN, unseen)):
        if left:
            raise MissingDataError(f"{pattern} names what is no topic: {', '.join(left)}")
    return tuple(found[name] for name in sorted(found))


def _by_topic(pattern: str) -> dict[str, list[str]]:
    """Return the situations of all files of a pattern, a line each under the topic in brackets."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(CONTENT.glob(pattern)):
        topic = ""
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("["):
                topic = line.strip("[]")
            elif line and not line.startswith("#"):
                found[topic].append(line)
    return found


def _read(path: Path, form: type[FormT]) -> FormT:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), form)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise MissingDataError(f"the narratives {path.name} are not valid: {error}") from error


def _topic(name: str, written: _Written, further: Sequence[str], unseen: Sequence[str]) -> Topic:
    situations = _situations(name, written.situations)
    for what in (written.gists, written.facts, situations):
        if not all(of_split(what, split) for split in SPLITS):
            raise MissingDataError(f"the topic {name!r} needs lists of {LEAST} phrasings or more")
    return Topic(
        name,
        written.concern,
        written.urgent or written.concern,
        written.services,
        written.ages,
        written.girls,
        written.gists,
        written.facts,
        situations,
        _situations(f"{name}/further", further),
        _situations(f"{name}/unseen", unseen),
    )


def _situations(group: str, texts: Sequence[str]) -> tuple[Situation, ...]:
    return tuple(_situation(f"{group}/{at:02}", text) for at, text in enumerate(texts))


def _situation(family: str, text: str) -> Situation:
    head, _, said = text.partition(": ")
    who, _, letters = head.partition("/")
    try:
        priorities = msgspec.convert([PRIORITIES[letter] for letter in letters], Priorities)
        core, *details = (part.strip() for part in said.split(" // "))
        return Situation(family, msgspec.convert(who, Who), priorities, core, tuple(details))
    except (KeyError, ValueError, msgspec.ValidationError) as error:
        message = f"the situation {family} is not 'who/priorities: core // detail': {text!r}"
        raise MissingDataError(message) from error

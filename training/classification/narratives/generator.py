"""Generated calls: a number for each split, every topic as often, the same ones for a seed."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.text.spoken_form import spoken_form
from training.classification.corpus.rows import SPLITS, RowTurn, Split
from training.classification.narratives.calls import USUAL_FORMS, Call, Composer, Form
from training.classification.narratives.content import content_of
from training.classification.narratives.heard import HearingNoise, heard, similar_words
from training.classification.narratives.topics import Situation, Topic, all_topics
from training.core.errors import RecipeError
from training.text.phrasings import filled
from training.text.spoken_words import split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from training.text.recognizer_noise import SimilarWords

_LATER_SHARE = 10  # a tenth of the training calls, each, for validation and test
_MOST_LATER = 4000  # of these: more cost time and say little more
_NO_CALLS_SHARE = 0.02  # of the calls, on top of them: without any label
_HEARD_SHARE = 0.35  # of the calls, as a recognizer hears them
_LINES = (0.5, 1.0, 2.0)  # by which the mistakes are multiplied
_MIXED_SHARE = 0.3  # of the calls, as a transcript that does not say who speaks


class Narrative(msgspec.Struct, frozen=True):
    """A generated call.

    Attributes:
        id: Unique.
        split: That its phrasings belong to.
        family: Of templates, which is in one split only.
        turns: Of the call.
        sub_category: Empty where no label fits.
        priority: Empty where nothing said decides it.
        intervention: Empty where the agent has not done anything.
        provenance: How it was made.
    """

    id: str
    split: Split
    family: str
    turns: tuple[RowTurn, ...]
    sub_category: str = ""
    priority: str = ""
    intervention: str = ""
    provenance: dict[str, str] = {}


class Subject(NamedTuple):
    """What a call is about.

    Attributes:
        topic: Its sub-category.
        main: Main category of the topic.
        situation: What happened.
    """

    topic: Topic
    main: str
    situation: Situation


def generate(
    mains: Mapping[str, str], rows: int, seed: int, forms: Mapping[Form, int]
) -> Iterator[Narrative]:
    """Yield calls for every split, and some that no label fits.

    Args:
        mains: Main category by sub-category.
        rows: Of the train split.
        seed: Of everything that is drawn.
        forms: Weights of the forms of training calls; none takes those of the other splits.

    Raises:
        RecipeError: Nothing is written for a sub-category.
    """
    topics = _topics(mains)
    for split in SPLITS:
        count = rows if split == "train" else min(rows // _LATER_SHARE, _MOST_LATER)
        weights = forms if forms and split == "train" else USUAL_FORMS
        subjects = [_subjects(topic, mains[topic.name], split, seed) for topic in topics]
        for index in range(count):
            subject = next(subjects[index % len(subjects)])
            yield _narrative(subject, split, f"{seed}/{split}/{index:05}", weights)
        for index in range(round(count * _NO_CALLS_SHARE)):
            yield _no_call(split, f"{seed}/{split}/no_call/{index:05}")


def _topics(names: Mapping[str, str]) -> list[Topic]:
    written = {topic.name: topic for topic in all_topics()}
    missing = sorted(names.keys() - written.keys())
    if missing:
        message = (
            f"there are no narratives for {', '.join(missing)}: write them in "
            "training/classification/narratives/content"
        )
        raise RecipeError(message)
    return [written[name] for name in names]


def _subjects(topic: Topic, main: str, split: Split, seed: int) -> Iterator[Subject]:
    """Yield all situations of a topic before one comes again."""
    situations = topic.situations_of(split)
    draw = random.Random(f"{seed}/{split}/{topic.name}")
    while True:
        draw.shuffle(situations)
        for situation in situations:
            yield Subject(topic, main, situation)


def _narrative(subject: Subject, split: Split, name: str, forms: Mapping[Form, int]) -> Narrative:
    draw = random.Random(name)
    topic, situation = subject.topic, subject.situation
    call = Composer(content_of(split), topic, situation, split, draw).call(subject.main, forms)
    turns = _transcript(call, draw)
    is_heard = draw.random() < _HEARD_SHARE
    if is_heard:
        turns = heard(turns, HearingNoise().scaled(draw.choice(_LINES)), _vocabulary(), draw)
    provenance = {
        "situation": situation.family,
        "form": call.form,
        "seed": name,
        "heard": "yes" if is_heard else "no",
    }
    return Narrative(
        name,
        split,
        situation.family,
        turns,
        topic.name,
        call.priority,
        call.intervention,
        provenance,
    )


def _transcript(call: Call, draw: random.Random) -> tuple[RowTurn, ...]:
    """Return the turns of a call; of some calls its sentences, without who speaks."""
    if call.form != "note" and draw.random() >= _MIXED_SHARE:
        return call.turns
    sentences = (text for turn in call.turns for text in split_sentences(turn.text))
    return tuple(RowTurn("unknown", text) for text in sentences)


def _no_call(split: Split, name: str) -> Narrative:
    draw = random.Random(name)
    no_calls = content_of(split).no_calls
    reason = draw.choice(no_calls.__struct_fields__)
    exchanges: Sequence[Sequence[str]] = getattr(no_calls, reason)
    turns = tuple(
        RowTurn("customer" if place % 2 else "agent", filled(text, {}, draw))
        for place, text in enumerate(draw.choice(exchanges))
        if spoken_form(text)
    )
    provenance = {"abstain": reason, "seed": name}
    return Narrative(name, split, f"no_call/{split}", turns, provenance=provenance)


@cache
def _vocabulary() -> SimilarWords:
    """Return the words of the training phrasings, which are taken for one another."""
    speech = content_of("train").speech
    situations = [each for topic in all_topics() for each in topic.situations_of("train")]
    said = [text for each in situations for text in (each.core, *each.details)]
    return similar_words([*said, *speech.greetings, *speech.digressions, *speech.wishes])

"""The reader of the source ``narratives``: a number of calls, every topic as often, by a seed."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

from models.text.spoken_form import spoken_form
from training.classification.corpus.rows import SPLITS, Row, RowTurn
from training.classification.narratives.calls import Call, Composer
from training.classification.narratives.content import content_of, whole_content
from training.classification.narratives.heard import HearingNoise, heard, similar_words
from training.classification.narratives.phrasings import filled, of_split
from training.classification.narratives.topics import Situation, Topic, all_topics
from training.classification.sources.labels import named_labels
from training.classification.sources.protocol import Found
from training.core.errors import RecipeError
from training.text.spoken_words import split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.classification.label_set import LabelSet
    from training.classification.corpus.rows import Split
    from training.classification.sources.protocol import Reading
    from training.text.recognizer_noise import SimilarWords

LATER_SHARE = 10  # a tenth of the training calls, each, for validation and test
NO_CALLS_SHARE = 0.02  # of the calls, without any label
_HEARD_SHARE = 0.35  # of the calls, as a recognizer hears them
_MIXED_SHARE = 0.3  # of the calls, as a transcript that does not say who speaks
SUB, MAIN, PRIORITY, INTERVENTION = "sub_category", "main_category", "priority", "intervention"


def read_narratives(reading: Reading) -> Iterator[Found]:
    """Yield generated calls of all splits, and some that no label fits.

    Raises:
        RecipeError: The label set has a sub-category without narratives.
    """
    topics = _topics_of(reading.label_set)
    for split in SPLITS:
        count = reading.source.rows if split == "train" else reading.source.rows // LATER_SHARE
        for index in range(count):
            yield Found(_row(reading, topics[index % len(topics)], split, index), split)
        for index in range(round(count * NO_CALLS_SHARE)):
            yield Found(_no_call(reading, split, index), split)


def _topics_of(label_set: LabelSet) -> list[tuple[Topic, str]]:
    """Return the topics of the sub-categories, each with its main category."""
    written = {topic.name: topic for topic in all_topics()}
    labels = label_set.task(SUB).labels
    missing = [label.name for label in labels if label.name not in written]
    if missing:
        message = (
            f"no narratives for {', '.join(missing)} of the label set {label_set.name!r}; "
            "write them in training/classification/narratives/content"
        )
        raise RecipeError(message)
    return [(written[label.name], label.parent) for label in labels]


def _row(reading: Reading, topic_and_main: tuple[Topic, str], split: Split, index: int) -> Row:
    topic, main = topic_and_main
    draw = random.Random(f"{reading.seed}/{split}/{index}")  # noqa: S311  no secret
    situation = _situation(topic, split, draw)
    call = Composer(content_of(split), topic, situation, split, draw).call(main)
    turns, is_heard = _as_transcript(call, draw)
    given = {SUB: topic.name, PRIORITY: call.priority, INTERVENTION: call.intervention}
    return Row(
        id=f"{reading.name}/{split}/{index:05}",
        source=reading.name,
        group=f"{reading.name}/{situation.family}",
        turns=turns,
        labels=named_labels(reading.label_set, given, f"narrative {situation.family}"),
        is_synthetic=True,
        provenance={
            "situation": situation.family,
            "form": call.form,
            "seed": str(reading.seed),
            "heard": "yes" if is_heard else "no",
        },
    )


def _situation(topic: Topic, split: Split, draw: random.Random) -> Situation:
    return draw.choice(of_split(topic.situations, split))


def _as_transcript(call: Call, draw: random.Random) -> tuple[tuple[RowTurn, ...], bool]:
    """Return the turns of a call, some without speakers, some as a recognizer hears them."""
    turns: Sequence[RowTurn] = call.turns
    if call.form == "note" or draw.random() < _MIXED_SHARE:
        turns = [
            RowTurn("unknown", text) for turn in turns for text in split_sentences(turn.text)
        ]
    if draw.random() >= _HEARD_SHARE:
        return tuple(turns), False
    return heard(turns, HearingNoise(), _vocabulary(), draw), True


def _no_call(reading: Reading, split: Split, index: int) -> Row:
    draw = random.Random(f"{reading.seed}/no call/{split}/{index}")  # noqa: S311  no secret
    no_calls = content_of(split).no_calls
    reason = draw.choice(no_calls.__struct_fields__)
    exchange = draw.choice(getattr(no_calls, reason))
    turns = tuple(
        RowTurn("customer" if place % 2 else "agent", filled(text, {}, draw))
        for place, text in enumerate(exchange)
        if spoken_form(text)
    )
    return Row(
        id=f"{reading.name}/{split}/no_call/{index:05}",
        source=reading.name,
        group=f"{reading.name}/{split}/{reason}",
        turns=turns,
        labels={},
        is_synthetic=True,
        provenance={"abstain": reason, "seed": str(reading.seed)},
    )


@cache
def _vocabulary() -> SimilarWords:
    """Return the words of everything written, which are taken for one another."""
    speech = whole_content().speech
    said = [text for topic in all_topics() for each in topic.situations for text in (each.core, *each.details)]
    said += [*speech.greetings, *speech.digressions, *speech.hesitations, *speech.wishes]
    return similar_words(said)

"""Readers of whole dialogues: ``sgd``, ``multidogo`` and ``harper_valley``.

A dialogue may have several subjects. One row holds the turns of one subject, unless the source
asks for whole calls: then its label is the subject with the most customer turns. A subject that the
customer says next to nothing about, such as "sounds good", is no row of its own.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from training.classification.corpus.rows import Row, RowTurn
from training.classification.sources.intents import IntentMap
from training.classification.sources.protocol import Found
from training.text.dialogue_sets import multidogo_conversations, sgd_dialogues

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from schemas.base import Party
    from training.classification.sources.protocol import Reading

_PARTIES: dict[str, Party] = {"USER": "customer", "SYSTEM": "agent"}
_TAG = re.compile(r"<\w+>|\[\w+\]")  # of a transcriber, for what is no word
_LEAST_WORDS = 8  # of the customer, about one subject of several
_SEVERAL = "<div>"  # between the intents of one turn of multidogo


class _Said(NamedTuple):
    turn: RowTurn
    intent: str  # that gives the turn its label; empty where it has none of its own
    label: str  # of the latest turn that has one


def read_sgd(reading: Reading) -> Iterator[Found]:
    """Yield the dialogues of the parts that the source names."""
    intents = IntentMap(reading.source.intents, reading.label_set)
    for part in reading.source.parts:
        for dialogue in sgd_dialogues(reading.path, part):
            turns = (
                (_PARTIES[turn.speaker], turn.utterance, turn.intents) for turn in dialogue.turns
            )
            name = f"sgd/{part}/{dialogue.dialogue_id}"
            yield from _rows(reading, intents, "sgd", name, _said(intents, "sgd", turns))


def read_multidogo(reading: Reading) -> Iterator[Found]:
    """Yield the conversations, of which there are the customer turns only."""
    intents = IntentMap(reading.source.intents, reading.label_set)
    for conversation, spoken in multidogo_conversations(reading.path).items():
        turns: Iterable[tuple[Party, str, Sequence[str]]] = (
            (
                "customer",
                turn.utterance or "",
                [f"{turn.domain}/{intent}" for intent in turn.intent.split(_SEVERAL)],
            )
            for turn in spoken
        )
        name = f"multidogo/{conversation}"
        yield from _rows(reading, intents, "multidogo", name, _said(intents, "multidogo", turns))


def read_harper_valley(reading: Reading) -> Iterator[Found]:
    """Yield the callers' sides of acted bank calls, which are for tests only."""
    intents = IntentMap(reading.source.intents, reading.label_set)
    with (reading.path / "manifest.tsv").open(encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines, delimiter="\t"):
            name = f"harper_valley/{Path(line['file']).stem}"
            row = Row(
                id=name,
                source=reading.name,
                group=name,
                turns=(RowTurn("customer", " ".join(_TAG.sub(" ", line["text"]).split())),),
                labels=intents.labels("harper_valley", line["task"]),
                provenance={"set": "harper_valley", "intents": line["task"]},
            )
            yield Found(row, "test")


def _said(
    intents: IntentMap, set_name: str, turns: Iterable[tuple[Party, str, Sequence[str]]]
) -> list[_Said]:
    """Return the turns with their subject; one without an intent is about that of the last."""
    said = []
    label = ""
    for party, text, named in turns:
        mapped = [intent for intent in named if intents.label(set_name, intent)]
        intent = mapped[0] if mapped else ""
        label = intents.label(set_name, intent) if intent else label
        if text.strip():
            said.append(_Said(RowTurn(party, text), intent, label))
    return said


def _rows(
    reading: Reading, intents: IntentMap, set_name: str, name: str, said: Sequence[_Said]
) -> Iterator[Found]:
    counts = Counter(each.intent and each.label for each in said if each.intent)
    subjects = list(counts)
    if reading.source.whole_calls and counts:
        subjects = [max(counts, key=counts.__getitem__)]  # the first of equals
    for label in subjects:
        of_subject = [each for each in said if each.label == label]
        first = next(each.intent for each in of_subject if each.intent)
        turns = said if reading.source.whole_calls or len(counts) == 1 else of_subject
        if len(subjects) > 1 and _customer_words(turns) < _LEAST_WORDS:
            continue
        yield Found(
            Row(
                id=f"{name}/{label}" if len(subjects) > 1 else name,
                source=reading.name,
                group=name,
                turns=tuple(each.turn for each in turns),
                labels=intents.labels(set_name, first),
                provenance={
                    "set": set_name,
                    "intents": ",".join(sorted({e.intent for e in of_subject if e.intent})),
                    "subjects": str(len(counts)),
                },
            )
        )


def _customer_words(said: Iterable[_Said]) -> int:
    return sum(len(one.turn.text.split()) for one in said if one.turn.party == "customer")

"""Readers of whole dialogues: ``sgd`` and ``multidogo``.

A dialogue may have several subjects. One row holds the turns of one subject, unless the source
asks for whole calls: then its label is the subject with the most customer turns.
"""

from __future__ import annotations

from collections import Counter
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

"""Finalized calls of a number of words, of which one phrase is urgent."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from benchmarks.core.finalized import PARTIES, finalized_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.classification.label_set import LabelSet
    from schemas.turns import FinalizedCall

LINES: tuple[tuple[str, ...], ...] = (
    (
        "Good morning, you are speaking with the service desk, how can I help you today?",
        "I can look into that for you, could you give me a moment please?",
        "Thank you for waiting, I have your account in front of me now.",
        "Let me read that back to you so that we have everything right.",
    ),
    (
        "Hello, I am calling about a payment on my account that I do not know.",
        "It was on Monday, and I have looked at all of my receipts for that week.",
        "Somebody told me last time that I would have to fill in a form for this.",
        "No, my card was in the drawer at home for all of that time, as I said before.",
    ),
)


def urgent_phrase(label_set: LabelSet) -> tuple[str, str]:
    """Return a phrase that raises an alert by a rule of the floor, and the kind of the alert."""
    for rule in label_set.floor:
        for alert in label_set.alerts:
            if (alert.task, alert.label) == (rule.task, rule.label):
                phrase = next(each for each in rule.phrases if "*" not in each)
                return phrase, alert.kind
    raise ValueError(f"no rule of the floor of {label_set.name} raises an alert")


def call_of(call_id: str, words: int, phrase: str = "") -> FinalizedCall:
    """Return a call whose parties speak in turn.

    Args:
        call_id: Of the call.
        words: Of both parties together, or a few more.
        phrase: That the customer says in the middle of the call; none where empty.
    """
    texts = list(_texts(words))
    if phrase:
        middle = len(texts) // 2 | 1  # the customer has the odd turns
        texts[min(middle, len(texts) - 1)] += f" {phrase}."
    return finalized_call(call_id, [(PARTIES[n % 2], text) for n, text in enumerate(texts)])


def _texts(words: int) -> Iterator[str]:
    """Yield lines, at least one of each party, until there are as many words."""
    lines = [cycle(lines) for lines in LINES]
    said = number = 0
    while said < words or number < len(PARTIES):
        text = next(lines[number % len(lines)])
        said += len(text.split())
        number += 1
        yield text

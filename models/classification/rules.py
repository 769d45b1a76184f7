"""The rules of a label set: what raises a label whatever a model says, and what is no call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.classification.phrases import has_phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.classification.label_set import LabelSet
    from schemas.classification import Abstention


class Raised(NamedTuple):
    """A label that a rule raised.

    Attributes:
        label: Its index in the task.
        rule: Its name.
        passages: Indexes of the passages with its phrases.
    """

    label: int
    rule: str
    passages: tuple[int, ...]


def raised_labels(label_set: LabelSet, spoken: Sequence[str]) -> dict[str, Raised]:
    """Return the highest label that the safety floor raises, by task.

    Args:
        label_set: With the floor.
        spoken: The passages of a call, in spoken form.
    """
    found: dict[str, Raised] = {}
    for rule in label_set.floor:
        passages = tuple(
            index
            for index, text in enumerate(spoken)
            if has_phrase(text, rule.phrases) and not has_phrase(text, rule.unless)
        )
        label = label_set.task(rule.task).names.index(rule.label)
        if passages and (rule.task not in found or found[rule.task].label < label):
            found[rule.task] = Raised(label, rule.name, passages)
    return found


def abstention(label_set: LabelSet, spoken: Sequence[str]) -> Abstention:
    """Return why the words of a call are not to be classified; empty where they are.

    Args:
        label_set: With the rules.
        spoken: The passages of a call, in spoken form.
    """
    words = sum(len(text.split()) for text in spoken)
    if not words:
        return "silent"
    for rule in label_set.abstentions:
        if words <= rule.max_words and any(has_phrase(text, rule.phrases) for text in spoken):
            return rule.reason
    return "too_short" if words < label_set.min_words else ""

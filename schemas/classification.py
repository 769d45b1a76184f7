"""Messages of `calls.classifications.v1` and `calls.feedback.v1`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import Count, Identifier, Message, Name, Ratio

MAX_TASKS = 16
MAX_LABELS = 256  # of one task's answer
MAX_EVIDENCE = 64  # turns that one answer names
MAX_NOTE = 2_048  # characters

# Why a call has no labels; empty where it has
Abstention = Literal[
    "", "too_short", "silent", "wrong_number", "prank", "language", "uncertain", "no_model"
]
Evidence = Annotated[tuple[Identifier, ...], Meta(max_length=MAX_EVIDENCE)]


class ScoredLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A label of the label set.

    Attributes:
        label: Its name.
        confidence: Calibrated probability that it holds, 0 to 1; -1 where no model judged.
    """

    label: Name
    confidence: Ratio


class TaskAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is in one respect.

    Attributes:
        task: Of the label set, such as ``main_category``.
        labels: The most probable first: one of a task with one label, any number of a task with
            several.
        evidence: Ids of the turns that carried the first label, the strongest first.
        raised_by: Name of the rule of the label set that calls for the label, whatever the model
            says of it; empty where the model alone decided.
    """

    task: Name
    labels: Annotated[tuple[ScoredLabel, ...], Meta(max_length=MAX_LABELS)]
    evidence: Evidence = ()
    raised_by: Name = ""


class CallClassified(Message, frozen=True, kw_only=True, tag="call_classified.v1"):
    """What a call is about, by one version of a model.

    Attributes:
        label_set: Name and version, such as ``helpline-1``.
        model: Name and version of the model; empty where none could be asked.
        answers: One for each task that has a label; those that rules alone raised are there also
            if the call is abstained from.
        abstained: Why the model gives no labels; empty where it does.
        is_provisional: The call goes on, and a later answer replaces this one.
        is_shadow: By a challenger that is compared with the model that serves; not to be acted on.
        at_turn: Number of turns that a provisional answer rests on; -1 of a whole call.
        windows: How many pieces of the text the model read.
        second_opinion: The sub-category that the call is most like, by category embeddings; empty
            where the model has none.
    """

    label_set: Name
    model: Name
    answers: Annotated[tuple[TaskAnswer, ...], Meta(max_length=MAX_TASKS)] = ()
    abstained: Abstention = ""
    is_provisional: bool = False
    is_shadow: bool = False
    at_turn: Count = -1
    windows: Count = 0
    second_opinion: Name = ""


class LabelCorrected(Message, frozen=True, kw_only=True, tag="label_corrected.v1"):
    """A person says what a call is in one respect; the latest correction of a task holds.

    Attributes:
        label_set: Name of the label set.
        task: Of the label set.
        labels: That hold; empty where none of the task's does.
        corrected: What the model had said; empty where unknown.
        model: Name and version of the model that had said it; empty where unknown.
        evidence: Ids of the turns that show it.
        corrected_by: Who says so.
        note: In their words; no part of any training.
    """

    label_set: Name
    task: Name
    labels: Annotated[tuple[Name, ...], Meta(max_length=MAX_LABELS)]
    corrected: Annotated[tuple[Name, ...], Meta(max_length=MAX_LABELS)] = ()
    model: Name = ""
    evidence: Evidence = ()
    corrected_by: Name = ""
    note: Annotated[str, Meta(max_length=MAX_NOTE)] = ""

"""A correction of a call's labels, checked against its label set."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from models.classification.label_set import LabelSet, Task
from schemas.catalogue import FEEDBACK, decode, encode
from schemas.classification import LabelCorrected
from schemas.errors import ConfigurationError, MalformedMessageError
from stream_app.calls.identifiers import event_id

KIND = "label_corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a person says of a call in one respect.

    Attributes:
        call_id: Of the call.
        task: Of the label set.
        labels: That hold, in any spelling; none where none of the task's does.
        by: Who says so.
        corrected: What the model had said, in any spelling. A label that an earlier version of
            the label set had is kept as it is.
        model: That had said it.
        evidence: Ids of the turns that show it.
        note: In their words.
    """

    call_id: str
    task: str
    labels: Sequence[str]
    by: str
    corrected: Sequence[str] = ()
    model: str = ""
    evidence: Sequence[str] = ()
    note: str = ""


def correct_label(label_set: LabelSet, said: Said) -> LabelCorrected:
    """Return the correction that a person makes, with an id of its own.

    Raises:
        ConfigurationError: There is no such task or label, and the message lists those that there
            are; or a single label is several, or a field is too long for the topic.
    """
    task = label_set.task(said.task)
    labels = tuple(dict.fromkeys(_known(task, label) for label in said.labels))
    if len(labels) > 1 and task.mode == "single":
        names = ", ".join(labels)
        raise ConfigurationError(f"the task {task.name!r} has one label a call, not {names}")
    message = LabelCorrected(
        event_id=event_id(said.call_id, KIND, task.name, uuid.uuid4().hex),
        call_id=said.call_id,
        captured_at_ns=time.time_ns(),
        label_set=label_set.name,
        task=task.name,
        labels=labels,
        corrected=tuple(task.label_of(text) or text for text in said.corrected if text.strip()),
        model=said.model,
        evidence=tuple(said.evidence),
        corrected_by=said.by,
        note=said.note,
    )
    try:
        decode(FEEDBACK, encode(message))
    except MalformedMessageError as error:
        raise ConfigurationError(f"this correction cannot be written: {error}") from error
    return message


def _known(task: Task, text: str) -> str:
    label = task.label_of(text)
    if label is None:
        known = ", ".join(task.names)
        raise ConfigurationError(f"the task {task.name!r} has no label {text!r}, but {known}")
    return label

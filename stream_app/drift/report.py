"""The report on the answers of live calls between two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.classification.live.agreement import Agreement, Answers, Rate, corrected_scores
from models.classification.live.drift import LOOK_FROM, DriftReport, drift_report
from schemas.catalogue import CLASSIFICATIONS
from schemas.classification import CallClassified
from stream_app.feedback.export import read_corrections
from stream_app.live.whole_topics import read_topic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.classification.corrections import Corrections
    from models.classification.label_set import LabelSet
    from stream_app.live.whole_topics import Stamped
    from stream_app.settings import KafkaSettings


class Windows(msgspec.Struct, frozen=True):
    """Two stretches of time, in ms since 1970; each begins at its first and ends before its last.

    Attributes:
        reference: That counts as normal.
        recent: That is looked at.
    """

    reference: tuple[int, int]
    recent: tuple[int, int]


class LiveReport(msgspec.Struct, frozen=True):
    """What live answers say of a model.

    Attributes:
        label_set: Name of the label set.
        windows: That were compared.
        models: Names of the models that served in the recent window.
        calls: Answered calls of the reference and the recent window.
        drift: Of the answers that counted.
        look_at: What has shifted by more than chance, in words; empty where nothing has.
        agreement: Of champion and shadow in the recent window; None without a shadow.
        corrected: By model and task, corrected calls of both windows that it had answered rightly.
    """

    label_set: str
    windows: Windows
    models: tuple[str, ...]
    calls: tuple[int, int]
    drift: DriftReport
    look_at: tuple[str, ...]
    agreement: Agreement | None
    corrected: dict[str, dict[str, Rate]]


async def report_live(
    kafka: KafkaSettings, label_set: LabelSet, windows: Windows, *, look_from: float = LOOK_FROM
) -> LiveReport:
    """Return the report on the answers that are on the topic.

    Raises:
        BrokerError: The brokers cannot be reached, or a topic does not exist.
    """
    corrections = await read_corrections(kafka, label_set)
    found = [stamped async for stamped in read_topic(kafka, CLASSIFICATIONS)]
    return make_report(found, corrections, label_set, windows, look_from=look_from)


def make_report(
    messages: Iterable[Stamped],
    corrections: Corrections,
    label_set: LabelSet,
    windows: Windows,
    *,
    look_from: float = LOOK_FROM,
) -> LiveReport:
    """Return the report on answers.

    Args:
        messages: Answers and when they came, those of a call in order.
        corrections: That hold.
        label_set: Others are left out; versions of it count together, labels by their present name.
        windows: To compare.
        look_from: Population stability index from which a shift matters.
    """
    reference, recent = Answers(), Answers()
    for message, at_ms in messages:
        if not isinstance(message, CallClassified):
            continue
        if message.label_set.rpartition("-")[0] != label_set.name:
            continue
        for answers, (begin, end) in ((reference, windows.reference), (recent, windows.recent)):
            if begin <= at_ms < end:
                answers.add(_named_now(message, label_set))
    drift = drift_report(reference.champion, recent.champion, look_from=look_from)
    return LiveReport(
        label_set=label_set.name,
        windows=windows,
        models=tuple(dict.fromkeys(call.model for call in recent.champion if call.model)),
        calls=(len(reference.champion), len(recent.champion)),
        drift=drift,
        look_at=drift.large,
        agreement=recent.agreement(),
        corrected=corrected_scores((*reference.every, *recent.every), corrections.calls),
    )


def _named_now(message: CallClassified, label_set: LabelSet) -> CallClassified:
    """Return an answer with its labels as the label set names them now, where it knows them."""
    tasks = {task.name: task for task in label_set.tasks}
    if message.label_set == label_set.versioned_name:
        return message
    answers = tuple(
        msgspec.structs.replace(
            answer,
            labels=tuple(
                msgspec.structs.replace(
                    each, label=tasks[answer.task].label_of(each.label) or each.label
                )
                for each in answer.labels
            ),
        )
        if answer.task in tasks
        else answer
        for answer in message.answers
    )
    return msgspec.structs.replace(message, answers=answers)

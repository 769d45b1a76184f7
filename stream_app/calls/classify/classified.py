"""A finalized call as a question to a classification model, and the messages of its answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.classification.classifier import Answer, Classification, Passage
from models.classification.label_set import AlertRule, LabelSet
from models.private_calls import is_private
from schemas.base import Message
from schemas.classification import CallClassified, TaskAnswer
from schemas.operations import Alert
from schemas.turns import FinalizedCall
from stream_app.calls.counters import CallCounters
from stream_app.calls.identifiers import event_id

AGENT = "classify"


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """A call as its model gets it.

    Attributes:
        label_set: Name of the one that serves the call.
        language: Of the call, as its context states it.
        unserved_language: As the finalized call has it: the recognizer does not serve it.
    """

    label_set: str
    passages: tuple[Passage, ...]
    language: str
    unserved_language: str = ""


@dataclass(frozen=True, slots=True)
class Classified:
    """The answer of one model to a call.

    Attributes:
        model: Its name; empty where rules alone answered.
        is_shadow: It is compared with the model that serves.
    """

    label_set: LabelSet
    model: str
    found: Classification
    is_shadow: bool = False


def request_of(call: FinalizedCall, label_set: str) -> ClassifyRequest | None:
    """Return what the model of a label set gets; None for a call that is to be left alone."""
    if is_private(call.context):
        return None
    passages = tuple(Passage(turn.text, turn.party, turn.turn_id) for turn in call.turns)
    return ClassifyRequest(label_set, passages, call.context.language, call.unserved_language)


def messages_of(call: FinalizedCall, answers: tuple[Classified, ...]) -> Iterator[Message]:
    """Yield what a call was classified as by each model, and the alerts of the one that serves.

    The id of an answer follows from the call, the label set and the model, so that a repetition is
    known. That of an alert leaves the model out: a person is told once, whichever version says it.
    """
    for each in answers:
        yield answer_of(call, each)
        if not each.is_shadow:
            yield from _alerts(call, each)


def count_agreement(answers: tuple[Classified, ...], counters: CallCounters) -> None:
    """Count whether a challenger has the labels of the model that serves.

    Calls that rules alone abstained from do not count: both have the same rules.
    """
    champion, *others = answers
    for each in others:
        if not champion.found.windows and not each.found.windows:
            continue
        agrees = _labels_of(each.found) == _labels_of(champion.found)
        counters.shadow_agreed += agrees
        counters.shadow_differed += not agrees


def _labels_of(found: Classification) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Return why a call was abstained from, and its labels by task, in no order."""
    labels = {
        answer.task: tuple(sorted(each.label for each in answer.labels)) for answer in found.answers
    }
    return found.abstained, labels


def no_weights(call: FinalizedCall, label_set: str, reason: str) -> Alert:
    """Return the alert that calls of a label set are answered by its rules alone."""
    return Alert(
        event_id=event_id(call.call_id, AGENT, "no_model", label_set),
        call_id=call.call_id,
        captured_at_ns=call.captured_at_ns,
        kind="classification_without_model",
        severity="warning",
        source=AGENT,
        details={"label_set": label_set, "reason": reason},
    )


def answer_id(call_id: str, label_set: str, model: str, *, is_shadow: bool = False) -> str:
    """Return the id of an answer.

    Args:
        call_id: Of the call.
        label_set: Name and version.
        model: Name and version; empty where rules alone answer.
        is_shadow: It is compared with the model that serves.
    """
    return event_id(call_id, "shadow" if is_shadow else "classified", label_set, model or "none")


def answer_of(call: FinalizedCall, each: Classified) -> CallClassified:
    """Return the message of the answer of one model."""
    label_set, found = each.label_set.versioned_name, each.found
    return CallClassified(
        event_id=answer_id(call.call_id, label_set, each.model, is_shadow=each.is_shadow),
        call_id=call.call_id,
        captured_at_ns=call.captured_at_ns,
        label_set=label_set,
        model=each.model,
        answers=task_answers(found, [turn.turn_id for turn in call.turns]),
        abstained=found.abstained,
        windows=found.windows,
        second_opinion=found.second_opinion,
        is_shadow=each.is_shadow,
    )


def task_answers(found: Classification, turn_ids: Sequence[str]) -> tuple[TaskAnswer, ...]:
    """Return the answers of a model as a message has them.

    Args:
        found: What the model says.
        turn_ids: Of the passages that it read, in their order.
    """
    return tuple(
        TaskAnswer(
            task=answer.task,
            labels=answer.labels,
            evidence=tuple(turn_ids[index] for index in answer.evidence),
            raised_by=answer.raised_by,
        )
        for answer in found.answers
    )


def _alerts(call: FinalizedCall, each: Classified) -> Iterator[Alert]:
    label_set = each.label_set
    answers = {answer.task: answer for answer in each.found.answers}
    for rule in label_set.alerts:
        answer = answers.get(rule.task)
        if answer is not None and _applies(rule, answer):
            yield Alert(
                event_id=event_id(
                    call.call_id,
                    "alert",
                    label_set.versioned_name,
                    rule.kind,
                    rule.task,
                    rule.label,
                ),
                call_id=call.call_id,
                captured_at_ns=call.captured_at_ns,
                kind=rule.kind,
                severity=rule.severity,
                source=AGENT,
                details=_details(call, each, rule, answer),
            )


def _applies(rule: AlertRule, answer: Answer) -> bool:
    return any(
        label.label == rule.label
        and (bool(answer.raised_by) or label.confidence >= rule.confidence)
        for label in answer.labels
    )


def _details(
    call: FinalizedCall, each: Classified, rule: AlertRule, answer: Answer
) -> dict[str, str]:
    (confidence,) = (one.confidence for one in answer.labels if one.label == rule.label)
    details = {
        "label_set": each.label_set.versioned_name,
        "model": each.model,
        "task": rule.task,
        "label": rule.label,
        "confidence": f"{confidence:.3f}",
        "rule": answer.raised_by,
        "turn_id": call.turns[answer.evidence[0]].turn_id if answer.evidence else "",
    }
    return {name: value for name, value in details.items() if value}

"""Answers of a model in the forms in which the server gives them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.classification.classifier import Answer, Classification, Passage
from models.classification.label_set import LabelSet
from models.classification.rules import cut_passages
from models.text.sentences import Sentence, sentences
from models.text.spoken_form import spoken_form
from schemas.classification import ScoredLabel
from stream_app.api.classifier.bodies import CallText, Use
from stream_app.api.classifier.served import Served

DEVICE = "cpu"
USES: tuple[tuple[float, Use], ...] = ((0.90, "act"), (0.75, "enrich"), (0.50, "suggest"))
_CASE_DIGITS = 8
_MULTI = "multi"
_PARTY = "unknown"  # a text does not say who speaks


@dataclass(frozen=True, slots=True)
class Moment:
    """When an answer was given.

    Attributes:
        time: Of the wall clock.
        seconds: Since the request was read.
    """

    time: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Case:
    """A call to classify, in sentences.

    Attributes:
        case_id: Given, or made from the text.
    """

    case_id: str
    sentences: tuple[Sentence, ...]

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The sentences as models read them."""
        return tuple(Passage(sentence.text) for sentence in self.sentences)


def case_of(call: CallText, label_set: LabelSet) -> Case:
    """Return the call of a request; no phrase of the safety floor is cut in two.

    Lines may end anywhere, and full stops stand at pauses.
    """
    found = list(sentences(call.text))
    spoken = [spoken_form(sentence.text) for sentence in found]
    for cut in reversed(cut_passages(label_set, spoken, [_PARTY] * len(found))):
        parts = slice(cut[0], cut[-1] + 1)
        start, end = found[cut[0]].start, found[cut[-1]].end
        found[parts] = [Sentence(call.text[start:end], start)]
    return Case(call.case_id or case_id_of(call.text), tuple(found))


def case_id_of(text: str) -> str:
    """Return an id that is the same for the same text."""
    return f"c-{hashlib.sha256(text.encode()).hexdigest()[:_CASE_DIGITS]}"


def use_of(label: ScoredLabel, raised_by: str) -> Use:
    """Return what a label is good for: rules raise what has to be acted on."""
    if raised_by:
        return "act"
    return next((use for least, use in USES if label.confidence >= least), "none")


def answer_body(
    case: Case, served: Served, found: Classification, *, is_flat: bool, at: Moment
) -> dict[str, Any]:
    """Return the answer to a call, by the names of `NestedAnswer` or `FlatAnswer`."""
    shared = {
        "case_id": case.case_id,
        "label_set": served.model.label_set.versioned_name,
        "abstained": found.abstained,
        "processing_time": at.seconds,
        "model_info": model_info(served),
        "timestamp": at.time,
    }
    if is_flat:
        return {**shared, **_flat(served, found.answers)}
    predictions = {answer.task: _prediction(case, answer) for answer in found.answers}
    return {
        **shared,
        "predictions": predictions,
        "second_opinion": found.second_opinion,
        "windows": found.windows,
    }


def model_info(served: Served) -> dict[str, Any]:
    """Return which model answered, by the names of `ModelInfo`."""
    return {
        "model": served.model.name,
        "model_path": str(served.path),
        "loaded": True,
        "load_time": served.loaded_at,
        "device": DEVICE,
        "error": None,
    }


def missing_info(error: str) -> dict[str, Any]:
    """Return why no model is loaded, by the names of `ModelInfo`."""
    nothing = {"model": "", "model_path": "", "loaded": False, "load_time": None, "device": DEVICE}
    return {**nothing, "error": error}


def _flat(served: Served, answers: Sequence[Answer]) -> dict[str, str | list[str] | None]:
    given = {answer.task: [each.label for each in answer.labels] for answer in answers}
    flat: dict[str, str | list[str] | None] = {}
    for task in served.model.label_set.tasks:
        labels = given.get(task.name, [])
        flat[task.name] = labels if task.mode == _MULTI else next(iter(labels), None)
    return flat


def _prediction(case: Case, answer: Answer) -> dict[str, Any]:
    first = next(iter(answer.labels), None)
    return {
        **(_scored(first) if first else {"label": None, "confidence": None}),
        "use": use_of(first, answer.raised_by) if first else "none",
        "labels": [_scored(label) for label in answer.labels],
        "evidence": [_evidence(case.sentences[index]) for index in answer.evidence],
        "raised_by": answer.raised_by,
    }


def _scored(label: ScoredLabel) -> dict[str, Any]:
    confidence = label.confidence if label.confidence >= 0 else None
    return {"label": label.label, "confidence": confidence}


def _evidence(sentence: Sentence) -> dict[str, Any]:
    return {"text": sentence.text, "start": sentence.start, "end": sentence.end}

"""Finalized calls, classified again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.catalogue import CLASSIFICATIONS
from schemas.errors import ConfigurationError
from stream_app.backfill.work import PRIVATE, Question
from stream_app.calls.classify.classified import answer_id, answer_of, request_of
from stream_app.classification import ask_champions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.classification.store import ClassificationModels
    from schemas.classification import CallClassified
    from schemas.turns import FinalizedCall
    from stream_app.calls.classify.classified import ClassifyRequest

NO_WEIGHTS = "of a label set without a model"


class ClassifyAgain:
    """Classifies calls by the models that serve their label sets.

    Args:
        models: That answer.

    Raises:
        ConfigurationError: No label set has a model.
    """

    topic = CLASSIFICATIONS
    task = "classifying"

    def __init__(self, models: ClassificationModels) -> None:
        if not models.serving():
            raise ConfigurationError(
                "there is no model to answer with: "
                + "; ".join(f"{name}: {why}" for name, why in models.missing().items())
            )
        self._models = models

    def question(self, call: FinalizedCall) -> Question:
        """Return what is to be asked of a call."""
        name = self._models.label_set_for(call.context)
        request = request_of(call, name)
        serving = self._models.of(name)
        if request is None:
            return Question(passed_over=PRIVATE)
        if serving.classifier is None:
            return Question(passed_over=NO_WEIGHTS)
        label_set = serving.label_set.versioned_name
        return Question(request, answer_id(call.call_id, label_set, serving.classifier.name))

    def answers(
        self, asked: Sequence[tuple[FinalizedCall, ClassifyRequest]]
    ) -> list[CallClassified]:
        """Return the answer to each call."""
        found = ask_champions(self._models, [request for _, request in asked])
        return [answer_of(call, answer) for (call, _), answer in zip(asked, found, strict=True)]

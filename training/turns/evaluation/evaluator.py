"""The evaluation of trained models on test sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from training.turns.corpus.audit import resembles_train
from training.turns.corpus.examples import read_examples, set_path
from training.turns.evaluation.measures import (
    complete_probabilities,
    score_probabilities,
    share_right,
)
from training.turns.evaluation.record import read_record, write_record
from training.turns.learning.classifier import head_path, load_classifier, starting_classifier
from training.turns.learning.model_inputs import all_logits, frozen_states, label_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from training.turns.corpus.examples import Example
    from training.turns.evaluation.measures import SetResult
    from training.turns.evaluation.record import TrainingRecord
    from training.turns.learning.classifier import TurnClassifier
    from training.turns.learning.model_inputs import FirstStates, TokenRows


@dataclass(frozen=True)
class _LoadedModel:
    """A trained model in memory, with its record."""

    record: TrainingRecord
    network: TurnClassifier
    tokenizer: PreTrainedTokenizerBase


class ModelEvaluator:
    """Evaluates one model after another on the test sets.

    Texts are encoded once for consecutive models that share an encoder.

    Args:
        work: Folder of the run, with its data.
        threshold: Probability from which an utterance counts as complete.
        batch: Texts of one batch.
        base: Folder of the run's base: what a model starts from is measured too, where it has
            heads.
    """

    def __init__(
        self, work: Path, *, threshold: float, batch: int, base: Path | None = None
    ) -> None:
        self._work = work
        self._base = base
        self._threshold = threshold
        self._batch = batch
        self._encoder: tuple[Path, str, str] | None = None
        self._states: dict[str, FirstStates] = {}
        self._known: dict[tuple[str, ...], np.ndarray] = {}

    def evaluate(self, folder: Path, sets: Iterable[str]) -> TrainingRecord:
        """Evaluate a model on test sets, and write the results into its record.

        Raises:
            MissingDataError: The folder holds no trained model, or a test set is missing.
        """
        record = read_record(folder)
        network, tokenizer = load_classifier(folder)
        model = _LoadedModel(record, network, tokenizer)
        encoder = (folder.parent, record.encoder_of, record.text_form)
        if encoder != self._encoder:
            self._encoder = encoder
            self._states.clear()
        results = {one.set: one for one in record.measured}
        results |= {name: self._evaluate_on(model, name) for name in sets}
        before = {one.set: one for one in record.before}
        before |= {one.set: one for one in self._before(model, sets)}
        record = msgspec.structs.replace(
            record, measured=tuple(results.values()), before=tuple(before.values())
        )
        write_record(folder, record)
        return record

    def _before(self, model: _LoadedModel, sets: Iterable[str]) -> Iterator[SetResult]:
        """Yield the results of the weights that a model started from, if those knew the task."""
        name = model.record.model
        is_first = not model.record.recipe.start_from
        if self._base is None or not is_first or head_path(self._base, name) is None:
            return
        start = starting_classifier(self._base, name)
        for set_name in sets:
            examples = read_examples(set_path(self._work, set_name, "test"))
            rows = self._rows(model, examples)
            yield self._scored(model, set_name, all_logits(start, rows, self._batch), examples)

    def _evaluate_on(self, model: _LoadedModel, set_name: str) -> SetResult:
        examples = read_examples(set_path(self._work, set_name, "test"))
        record = model.record
        if set_name not in self._states:
            rows = self._rows(model, examples)
            self._states[set_name] = frozen_states(model.network, rows, self._batch)
        logits = all_logits(model.network, self._states[set_name], self._batch)
        result = self._scored(model, set_name, logits, examples)
        if set_name != record.set:
            return result
        labels = np.array([one.is_complete for one in examples], dtype=bool)
        right = (complete_probabilities(logits) >= self._threshold) == labels
        unlike = share_right(right[~self._resembling(examples, record)])
        return msgspec.structs.replace(result, unlike_training=unlike)

    def _rows(self, model: _LoadedModel, examples: Sequence[Example]) -> TokenRows:
        record = model.record
        return label_rows(
            model.tokenizer,
            examples,
            text=record.text_form,
            max_length=record.max_tokens,
            is_full=record.padding == "full",
        )

    def _scored(
        self, model: _LoadedModel, set_name: str, logits: np.ndarray, examples: Sequence[Example]
    ) -> SetResult:
        return score_probabilities(
            (model.record.model, set_name),
            complete_probabilities(logits),
            np.array([one.is_complete for one in examples], dtype=bool),
            sources=[one.source for one in examples],
            threshold=self._threshold,
        )

    def _resembling(self, examples: Sequence[Example], record: TrainingRecord) -> np.ndarray:
        key = (record.set, *record.learnt_sets)
        if key not in self._known:
            train = [
                one
                for name in key[1:]
                for one in read_examples(set_path(self._work, name, "train"))
            ]
            self._known[key] = np.array(resembles_train(train, examples), dtype=bool)
        return self._known[key]

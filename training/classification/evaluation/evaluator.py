"""The evaluation of a model on prepared rows: what the validation set decides, then the figures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from models.classification.classifier import Passage
from models.classification.decoding import aggregated
from models.classification.readings import Reading, wrong_readings
from models.classification.rules import raised_labels
from models.classification.whole_phrases import whole_call
from models.text.spoken_form import spoken_form
from training.classification.evaluation.abstention import least_threshold, thresholds
from training.classification.evaluation.answers import TaskAnswers, answer, with_rules
from training.classification.evaluation.baseline import KINDS, KeywordBaseline
from training.classification.evaluation.calibration import Calibration, calibrate, reaching
from training.classification.evaluation.measures import (
    Answers,
    mean_accuracy,
    measure,
    measure_label,
)
from training.classification.evaluation.results import (
    Evaluation,
    PartResult,
    SplitResult,
    TaskResult,
)
from training.classification.evaluation.scoring import score_calls
from training.classification.learning.inputs import (
    classified_text,
    label_matrix,
    read_calls,
    tokenized,
)
from training.core.errors import MissingDataError, RecipeError
from training.measuring.reliability import calibration_error, reliability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classification.label_set import LabelSet
    from models.classification.rules import Raised
    from training.classification.corpus.rows import Row
    from training.classification.evaluation.measured import ModelToMeasure
    from training.classification.evaluation.recipe import EvaluationRecipe
    from training.measuring.bootstrap import Figure

TRAIN, VALIDATION = "train", "validation"
_CONFUSIONS = 25
WRITTEN, GENERATED = "written by people", "generated, or written by a language model"


class _ScoredSplit:
    """The rows of a split with what the model says of them.

    Args:
        name: Of the split.
        model: That scores them.
        rows: Of the split.
        readings: The one that every call has, then further ones.
    """

    def __init__(
        self, name: str, model: ModelToMeasure, rows: Sequence[Row], readings: Sequence[Reading]
    ) -> None:
        calls, self.rows = read_calls(rows, model.tokenizer, model.label_set)
        self.name = name
        self.labels = calls.labels.numpy()
        turns = tokenized(self.rows, model.tokenizer, model.label_set)
        self.calls = score_calls(model.scorer, turns, readings, model.windows.special.around)
        self.texts = [classified_text(row, model.label_set) for row in self.rows]
        self.raised = [_raised(row, model.label_set) for row in self.rows]
        names = {name: number for number, name in enumerate({row.group for row in self.rows})}
        self.groups = np.array([names[row.group] for row in self.rows], np.int64)


def evaluate(
    model: ModelToMeasure,
    calibration: Calibration | None,
    splits: Mapping[str, Sequence[Row]],
    recipe: EvaluationRecipe,
) -> Evaluation:
    """Return the figures of a model.

    Args:
        model: To measure.
        calibration: Of the model; without one the validation set decides it.
        splits: Rows of ``train`` (for the keywords beside it), ``validation`` and ``test``, and of
            further test sets by name.
        recipe: What is measured.

    Raises:
        MissingDataError: There are no validation rows to calibrate on.
        RecipeError: Readings of the recipe do not fit the model.
    """
    readings = _readings(model, calibration, recipe)
    scored = {
        name: _ScoredSplit(name, model, rows, readings)
        for name, rows in splits.items()
        if name != TRAIN and rows
    }
    if calibration is None:
        if VALIDATION not in scored:
            raise MissingDataError("there are no validation rows, which decide the calibration")
        held_out = scored[VALIDATION]
        known = held_out.calls, held_out.labels
        calibration = calibrate(*known, model.tasks, readings)
        calibration = reaching(calibration, *known, model.label_set, recipe.wanted)
    baseline = _baseline(model, splits[TRAIN]) if splits.get(TRAIN) else None
    measured = _Measuring(model, recipe, calibration, baseline)
    results = {name: measured.result(split) for name, split in scored.items()}
    first = results[VALIDATION].tasks.get(model.tasks[0].name) if VALIDATION in results else None
    curve = () if first is None else first.thresholds
    return Evaluation(
        model=model.name,
        form=model.form,
        label_set=model.label_set.versioned_name,
        calibration=calibration,
        abstention=least_threshold(curve, recipe.confident_accuracy),
        splits=results,
    )


def _readings(
    model: ModelToMeasure, calibration: Calibration | None, recipe: EvaluationRecipe
) -> tuple[Reading, ...]:
    """Return the ways in which calls are read: those of a calibration, or of the recipe."""
    max_tokens = model.windows.max_tokens
    if calibration is not None:
        return calibration.all_readings(max_tokens)
    tasks = {task.name: task.names for task in model.label_set.tasks}
    for complaint in wrong_readings(recipe.readings, tasks, max_tokens):
        raise RecipeError(f"evaluation.readings do not fit {model.name}: {complaint}")
    overlap = min(recipe.overlap_tokens, max_tokens // 2 - 1)
    return Reading(max_tokens, overlap), *recipe.readings


def _raised(row: Row, label_set: LabelSet) -> dict[str, Raised]:
    """Return what the rules of a label set raise in a row, by task."""
    if not label_set.floor:
        return {}
    turns = [Passage(turn.text, turn.party) for turn in row.turns]
    passages = whole_call(label_set, turns).passages  # as live calls are read
    read = label_set.classified([passage.party for passage in passages])
    return raised_labels(label_set, [spoken_form(passages[index].text) for index in read])


def _baseline(model: ModelToMeasure, rows: Sequence[Row]) -> KeywordBaseline:
    texts = [classified_text(row, model.label_set) for row in rows]
    labels = label_matrix(
        [row.labels for row, text in zip(rows, texts, strict=True) if text], model.label_set
    )
    spoken = [text for text in texts if text]
    return KeywordBaseline(spoken, labels.numpy(), model.tasks, model.label_set)


class _Measuring:
    """The figures of splits.

    Args:
        model: That is measured.
        recipe: What is measured.
        calibration: Of the model.
        baseline: Keywords beside it.
    """

    def __init__(
        self,
        model: ModelToMeasure,
        recipe: EvaluationRecipe,
        calibration: Calibration,
        baseline: KeywordBaseline | None,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._calibration = calibration
        self._baseline = baseline

    def result(self, split: _ScoredSplit) -> SplitResult:
        """Return the figures of a split."""
        model, calibration = self._model, self._calibration
        logits = aggregated(split.calls, model.tasks, calibration.aggregation)
        found = answer(logits, split.labels, model.tasks, calibration, model.label_set)
        grouped = {
            name: task._replace(answers=task.answers._replace(groups=split.groups[task.rows]))
            for name, task in found.items()
        }
        ruled = with_rules(grouped, split.raised)
        baselines = {}
        if self._baseline is not None:
            baselines = {
                kind: self._baseline.accuracy(kind, split.texts, split.labels) for kind in KINDS
            }
        return SplitResult(
            split=split.name,
            rows=len(split.rows),
            long_calls=sum(len(call[0].logits) > 1 for call in split.calls),
            avg_acc=mean_accuracy(
                [task.answers for task in ruled.values()], resamples=self._recipe.resamples
            ),
            tasks={name: self._task(name, task, ruled[name]) for name, task in grouped.items()},
            targets=self._targets(ruled),
            targets_without_rules=self._targets(grouped) if model.label_set.floor else {},
            sources=self._parts(ruled, [row.source for row in split.rows]),
            parts=self._parts(
                ruled, [GENERATED if row.is_synthetic else WRITTEN for row in split.rows]
            ),
            baselines=baselines,
        )

    def _task(self, name: str, task: TaskAnswers, ruled: TaskAnswers) -> TaskResult:
        """Return the figures of a task: of what calls get, and how certain the model was."""
        names = self._model.label_set.task(name).names
        is_multi = self._model.label_set.task(name).mode == "multi"
        confidence, is_right = task.certainty()
        return TaskResult(
            figures=measure(name, names, ruled.answers, resamples=self._recipe.resamples),
            calibration_error=round(calibration_error(confidence, is_right), 5),
            bins=reliability(confidence, is_right),
            confusions=() if is_multi else _confusions(ruled.answers, names),
            thresholds=() if is_multi else thresholds(confidence, is_right),
        )

    def _targets(self, found: Mapping[str, TaskAnswers]) -> dict[str, Figure]:
        targets = {}
        for target in self._recipe.targets:
            names = self._model.label_set.task(target.task).names
            if target.task in found:
                targets[target.name] = measure_label(
                    found[target.task].answers,
                    names.index(target.label),
                    is_recall=target.measure == "recall",
                    resamples=self._recipe.resamples,
                )
        return targets

    def _parts(
        self, found: Mapping[str, TaskAnswers], part_of: Sequence[str]
    ) -> dict[str, PartResult]:
        """Return the figures of the rows of each part."""
        rows_of = np.array(part_of)
        results = {}
        for part in sorted(set(part_of)):
            figures = {}
            for name, task in found.items():
                inside = rows_of[task.rows] == part
                if inside.any():
                    names = self._model.label_set.task(name).names
                    own = Answers(*(each[inside] for each in task.answers))
                    figures[name] = measure(name, names, own, resamples=self._recipe.resamples)
            results[part] = PartResult(
                int((rows_of == part).sum()),
                {name: each.accuracy for name, each in figures.items()},
                {name: each.macro_f1 for name, each in figures.items()},
            )
        return results


def _confusions(answers: Answers, names: Sequence[str]) -> tuple[tuple[str, str, int], ...]:
    """Return the most frequent wrong answers of a task with one label a row."""
    pairs = Counter(
        (names[has], names[given])
        for has, given in zip(
            answers.has.argmax(axis=1).tolist(), answers.given.argmax(axis=1).tolist(), strict=True
        )
        if has != given
    )
    return tuple((has, given, count) for (has, given), count in pairs.most_common(_CONFUSIONS))

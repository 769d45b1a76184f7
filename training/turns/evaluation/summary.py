"""The cross table: every model on every test set, beside the reference document's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.intervals import Interval
from training.turns.corpus.audit import Audit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.turns.evaluation.record import TrainingRecord

SUSPICIOUS_ACCURACY = 0.99  # above it, the leakage audit is shown beside the figure


class PublishedFigures(msgspec.Struct, frozen=True):
    """What the reference document reports for a pair of training and test set."""

    accuracy: float
    false_interrupts: str = ""
    false_waits: str = ""


# On its own data, not on ours: MobileBERT, general conversations and call-centre scripts.
PUBLISHED = {
    ("general", "general"): PublishedFigures(0.886),
    ("general", "domain"): PublishedFigures(0.875, "654", "1165"),
    ("domain", "domain"): PublishedFigures(1.0, "0-1", "0-1"),
    ("domain", "general"): PublishedFigures(0.755),
    ("agent", "domain"): PublishedFigures(1.0),
    ("customer", "domain"): PublishedFigures(1.0),
}


class CrossTableRow(msgspec.Struct, frozen=True):
    """One model on one test set.

    Attributes:
        trained_on: Set that the model learnt from.
        is_shared: Whether it shares its encoder with other models.
        examples: Of the test set.
        unlike_training: Accuracy on examples that resemble no training example.
        published: The document's figures for these sets.
        before: Accuracy of the weights that it started from, where those knew the task.
        audit: Of the training set's leaks, where the accuracy looks too good.
    """

    model: str
    trained_on: str
    set: str
    text_form: str
    is_shared: bool
    train_examples: int
    examples: int
    accuracy: float
    interval: Interval
    false_interrupts: int
    false_waits: int
    f1: float
    auc: float | None
    unlike_training: float | None
    published: PublishedFigures | None
    audit: Audit | None
    before: float | None = None


class SizePoint(msgspec.Struct, frozen=True):
    """A model trained on fewer examples."""

    examples: int
    accuracy: float
    interval: Interval


class Punctuation(msgspec.Struct, frozen=True):
    """The effect of capitals and punctuation, in training and test, on the same examples.

    Attributes:
        written: Accuracy with them.
        spoken: Accuracy without, as the recognizer writes.
        last_character: Accuracy of the written text's last character alone.
    """

    set: str
    written: float
    spoken: float
    last_character: float | None


class Summary(msgspec.Struct, frozen=True):
    """The results of an experiment.

    Attributes:
        experiment: Name of the recipe.
        rows: Every model on every test set.
        learning_curve: Of ``curve_set``, from few examples to many.
        punctuation: By set.
    """

    experiment: str
    rows: tuple[CrossTableRow, ...]
    curve_set: str
    learning_curve: tuple[SizePoint, ...]
    punctuation: tuple[Punctuation, ...]


def make_rows(records: Iterable[TrainingRecord]) -> tuple[CrossTableRow, ...]:
    """Return the cross table of some models."""
    return tuple(row for record in records for row in _rows(record))


def _rows(record: TrainingRecord) -> Iterable[CrossTableRow]:
    for one in record.measured:
        before = record.before_on(one.set)
        is_suspicious = one.accuracy > SUSPICIOUS_ACCURACY
        yield CrossTableRow(
            model=record.model,
            trained_on=record.set,
            set=one.set,
            text_form=record.text_form,
            is_shared=record.encoder_of != record.model,
            train_examples=record.examples,
            examples=one.overall.examples,
            accuracy=one.accuracy,
            interval=one.overall.interval,
            false_interrupts=one.false_interrupts,
            false_waits=one.false_waits,
            f1=one.f1,
            auc=one.auc,
            unlike_training=one.unlike_training.accuracy if one.unlike_training else None,
            published=published_for(record, one.set),
            audit=record.audit if is_suspicious else None,
            before=None if before is None else before.accuracy,
        )


def published_for(record: TrainingRecord, set_name: str) -> PublishedFigures | None:
    """Return the document's figures where it has a model that learnt from the same kind of text.

    Its models are separate networks, each trained on one set.
    """
    is_alone = record.learnt_sets == (record.set,) and not record.before
    is_comparable = record.text_form == "spoken" and is_alone
    return PUBLISHED.get((record.set, set_name)) if is_comparable else None


def size_points(records: Iterable[TrainingRecord], set_name: str) -> tuple[SizePoint, ...]:
    """Return the learning curve of the models of one set, from few examples to many."""
    points = []
    for record in records:
        found = record.on(set_name)
        if found is not None:
            points.append(SizePoint(record.examples, found.accuracy, found.overall.interval))
    return tuple(sorted(points, key=lambda point: point.examples))


def compare_forms(records: Sequence[TrainingRecord]) -> tuple[Punctuation, ...]:
    """Return the effect of punctuation, where two models differ in the form of the text alone."""
    found = []
    for written in records:
        spoken = next((one for one in records if _differ_in_form(one, written)), None)
        if written.text_form != "written" or spoken is None:
            continue
        with_marks, without = written.on(written.set), spoken.on(written.set)
        if with_marks is not None and without is not None:
            leak = written.audit.baselines.last_written_character if written.audit else None
            found.append(Punctuation(written.set, with_marks.accuracy, without.accuracy, leak))
    return tuple(found)


def is_whole(record: TrainingRecord, set_name: str) -> bool:
    """Return whether a model is the end of a set's learning curve: all of it, from the base."""
    recipe = record.recipe
    is_plain = not (recipe.start_from or recipe.examples) and recipe.text == "spoken"
    return record.set == set_name and is_plain


def _differ_in_form(one: TrainingRecord, other: TrainingRecord) -> bool:
    alike = (
        one.set == other.set
        and one.settings == other.settings
        and one.examples == other.examples
        and one.recipe.train == other.recipe.train
        and one.recipe.start_from == other.recipe.start_from
    )
    return alike and one.text_form != other.text_form

"""The errors of a model by how near labels are to each other, and what its second opinion knows."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from models.classification.classifier import Classifier, Passage
from models.classification.label_set import load_label_set
from models.classification.manifest import load_classification_manifest
from models.classification.similarity import (
    CategoryEmbeddings,
    Neighbour,
    embedded_tasks,
)
from schemas.errors import ModelNotFoundError
from training.core.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from models.classification.label_set import Task
    from training.classification.corpus.rows import Row

NEAR = 3  # labels that count as near to a label
REPORT_NAME = "similarity"
_BATCH = 64
_MOST_PAIRS, _MOST_NEIGHBOURS = 25, 3


class NearLabels(msgspec.Struct, frozen=True):
    """The labels that a label is most like."""

    label: str
    neighbours: tuple[Neighbour, ...]


class ErrorPair(msgspec.Struct, frozen=True):
    """A label, the label that the model gave instead, and how alike they are.

    Attributes:
        label: That calls have.
        given: By the model.
        calls: With this error; a call with several labels may have several.
        similarity: Of the two labels.
        rank: Of ``given`` among the labels that ``label`` is most like, from 1.
    """

    label: str
    given: str
    calls: int
    similarity: float
    rank: int


class SimilarityReport(msgspec.Struct, frozen=True):
    """What category embeddings say of a model's errors on some calls.

    Attributes:
        task: Whose labels.
        calls: With a label of it that the model answered; of a task with several labels also
            calls that are known to have none.
        wrong: Of them; of a task with several labels those that have others than were given.
        wrong_and_near: Wrong calls with a given label that is one of the three nearest to a label
            which was missed.
        second_right: Calls whose second opinion is right.
        differ: Calls on which model and second opinion differ.
        differ_and_wrong: Of these, how many the model answered wrongly.
        wrong_and_second_right: Wrong calls whose second opinion is right.
        pairs: The most frequent errors.
        near: The labels nearest to each label.
    """

    task: str
    calls: int
    wrong: int
    wrong_and_near: int
    second_right: int
    differ: int
    differ_and_wrong: int
    wrong_and_second_right: int
    pairs: tuple[ErrorPair, ...]
    near: tuple[NearLabels, ...]


class _Answered(NamedTuple):
    """A call as it is and as it was answered; of a task with several labels, maybe with none.

    Attributes:
        has: Its labels.
        given: Those of the model.
        second: The second opinion.
    """

    has: tuple[str, ...]
    given: tuple[str, ...]
    second: str

    @property
    def is_wrong(self) -> bool:
        return set(self.has) != set(self.given)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return each label that was missed with each that was given instead."""
        missed = [label for label in self.has if label not in self.given]
        instead = [label for label in self.given if label not in self.has]
        return list(product(missed, instead))


def report_similarity(manifest_path: Path, rows: Sequence[Row]) -> SimilarityReport:
    """Return the errors of an exported model on rows, seen by the likeness of labels.

    Args:
        manifest_path: Of a model with category embeddings.
        rows: That it was not trained on.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged, or there are no embeddings.
    """
    classifier = Classifier.load(manifest_path)
    task = list(embedded_tasks(classifier.label_set).values())[-1]
    near = near_labels(manifest_path)
    answered = list(_answers(classifier, task, rows))
    wrong = [each for each in answered if each.is_wrong]
    errors = Counter(pair for each in wrong for pair in each.pairs)
    ranks = {
        (each.label, one.label): (rank, one.similarity)
        for each in near
        for rank, one in enumerate(each.neighbours, 1)
    }
    pairs = [
        ErrorPair(has, given, count, round(ranks[has, given][1], 4), ranks[has, given][0])
        for (has, given), count in errors.most_common()
    ]
    near_pairs = {(each.label, each.given) for each in pairs if each.rank <= NEAR}
    differ = [each for each in answered if each.second not in each.given]
    return SimilarityReport(
        task=task.name,
        calls=len(answered),
        wrong=len(wrong),
        wrong_and_near=sum(not near_pairs.isdisjoint(each.pairs) for each in wrong),
        second_right=sum(each.second in each.has for each in answered),
        differ=len(differ),
        differ_and_wrong=sum(each.is_wrong for each in differ),
        wrong_and_second_right=sum(each.second in each.has for each in differ),
        pairs=tuple(pairs[:_MOST_PAIRS]),
        near=tuple(NearLabels(each.label, each.neighbours[:_MOST_NEIGHBOURS]) for each in near),
    )


def near_labels(manifest_path: Path) -> list[NearLabels]:
    """Return for each label of the finest task all others, the most alike first.

    Raises:
        ModelNotFoundError: The model has no category embeddings.
        ModelIntegrityError: They are damaged.
    """
    manifest = load_classification_manifest(manifest_path)
    label_set = load_label_set(manifest_path.parent / manifest.label_set_file)
    task = list(embedded_tasks(label_set).values())[-1]
    if not manifest.embeddings_folder:
        raise ModelNotFoundError(f"{manifest_path} has no category embeddings")
    embeddings = CategoryEmbeddings(manifest_path.parent / manifest.embeddings_folder, label_set)
    vectors = embeddings.vectors[task.name]
    likeness = vectors @ vectors.T
    found = []
    for place, name in enumerate(task.names):
        order = [index for index in np.argsort(-likeness[place], kind="stable") if index != place]
        found.append(
            NearLabels(
                name,
                tuple(
                    Neighbour(task.names[index], round(float(likeness[place, index]), 4))
                    for index in order
                ),
            )
        )
    return found


def _answers(classifier: Classifier, task: Task, rows: Sequence[Row]) -> Iterator[_Answered]:
    """Yield of each row that has labels what was answered."""
    is_multi = task.mode == "multi"
    labelled = [row for row in rows if row.labels.get(task.name) or _has_none(row, task)]
    for start in range(0, len(labelled), _BATCH):
        some = labelled[start : start + _BATCH]
        calls = [[Passage(turn.text, turn.party) for turn in row.turns] for row in some]
        for row, found in zip(some, classifier.classify(calls), strict=True):
            answer = next((each for each in found.answers if each.task == task.name), None)
            if answer is not None and not answer.raised_by:
                given = tuple(label.label for label in answer.labels)
                has = row.labels[task.name]
                yield _Answered(has if is_multi else has[:1], given, found.second_opinion)


def _has_none(row: Row, task: Task) -> bool:
    """Return whether it is known that no label of a task with several holds."""
    return task.mode == "multi" and task.name in row.labels


def write_report(folder: Path, report: SimilarityReport) -> Path:
    """Write a report as JSON and as a page; return the page."""
    write_json(folder / f"{REPORT_NAME}.json", report)
    path = folder / f"{REPORT_NAME}.md"
    path.write_text("\n".join(_lines(report)) + "\n", "utf-8")
    return path


def _lines(report: SimilarityReport) -> Iterator[str]:
    yield f"# Near labels and errors: {report.task}"
    yield ""
    yield (
        f"Of {report.calls:,} calls {report.wrong:,} are answered wrongly, "
        f"{report.wrong_and_near:,} of them with one of the {NEAR} labels that are nearest to the "
        "right one."
    )
    yield (
        f"The second opinion is right on {report.second_right:,} calls. It differs from the model "
        f"on {report.differ:,}, of which the model has {report.differ_and_wrong:,} wrong; on "
        f"{report.wrong_and_second_right:,} calls it is right where the model is not."
    )
    yield ""
    yield "| label | given | calls | similarity | rank |"
    yield "|---|---|---|---|---|"
    for pair in report.pairs:
        yield (
            f"| {pair.label} | {pair.given} | {pair.calls} | {pair.similarity:.2f} | {pair.rank} |"
        )
    yield ""
    yield "| label | nearest |"
    yield "|---|---|"
    for each in report.near:
        names = ", ".join(f"{one.label} ({one.similarity:.2f})" for one in each.neighbours)
        yield f"| {each.label} | {names} |"

"""The training of a classification model, from the data to figures and card."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import structlog
from msgspec import convert

from models.console import WorkProgress
from training.classification.corpus.rows import SPLITS, Row, read_rows, rows_path
from training.classification.evaluation.calibration import write_calibration
from training.classification.evaluation.card import write_card
from training.classification.evaluation.evaluator import evaluate
from training.classification.evaluation.figures import draw_all
from training.classification.evaluation.held_out_rows import held_out_rows
from training.classification.evaluation.measured import exported_model, trained_model
from training.classification.evaluation.recipe import EvaluationRecipe
from training.classification.evaluation.report import write_report
from training.classification.evaluation.results import write_evaluation
from training.classification.export.exporter import Exported, ExportOptions, export_graph
from training.classification.learning.history import read_record
from training.classification.learning.inputs import read_calls
from training.classification.learning.run import LearningFolders, LearningRows, learn
from training.classification.learning.trained import load_classifier
from training.classification.prepare import REPORT_NAME, prepare, read_report
from training.classification.similarity.embeddings import write_embeddings
from training.core.checkpoints import METRICS_NAME
from training.core.devices import torch_threads
from training.core.errors import MissingDataError
from training.core.run_metrics import MetricsLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from models.classification.label_set import LabelSet
    from training.classification.evaluation.results import Evaluation
    from training.classification.recipe import ClassificationRecipe
    from training.core.loop import Watcher

RESULTS_FOLDER, FIGURES_FOLDER, CARD_NAME = "results", "figures", "README.md"
log = structlog.get_logger(__name__)


def train_classifier(
    recipe: ClassificationRecipe, data: Path, folders: LearningFolders, *, resume: bool
) -> Evaluation:
    """Prepare the data, train, calibrate and evaluate a model; return its figures.

    Args:
        recipe: Of the model.
        data: Folder that the sources' paths are relative to.
        folders: Of everything that is written.
        resume: Go on where a killed run stopped.

    Raises:
        RecipeError: The recipe does not fit the data or the base.
        MissingDataError: A data source or the base is missing.
    """
    with WorkProgress() as progress:
        bar = progress.add_task("data", total=None)
        prepare(
            recipe.data,
            data,
            folders.work,
            recipe.seed,
            lambda step: progress.update(bar, description=f"data: {step}"),
        )
    rows = read_splits(folders.work)
    with watched(folders.work, recipe.name) as watcher:
        learn(
            recipe,
            LearningRows(recipe.data.label_set, rows["train"], rows["validation"]),
            folders,
            watcher,
            resume=resume,
        )
    return evaluate_classifier(folders.out, folders.work, recipe.evaluation)


def evaluate_classifier(model: Path, work: Path, recipe: EvaluationRecipe) -> Evaluation:
    """Measure a model on prepared rows, and write report, plots and card.

    A trained model is calibrated on the validation rows; of an exported one the calibration stands
    in its manifest.

    Args:
        model: Folder of a trained model, or the manifest of an exported one.
        work: Folder with the prepared rows; results of an exported model go there too.
        recipe: What is measured.

    Raises:
        MissingDataError: There is no such model, or there are no rows.
    """
    is_exported = model.is_file()
    measured, calibration = exported_model(model) if is_exported else (trained_model(model), None)
    check_label_set(work, measured.label_set)
    rows = {**read_splits(work), **held_out_rows(measured.label_set)}
    with torch_threads(1):
        evaluation = evaluate(measured, calibration, rows, recipe)
    if is_exported:
        results = work / RESULTS_FOLDER / model.stem
    else:
        results = model / RESULTS_FOLDER
        write_calibration(model, evaluation.calibration)
        write_card(model / CARD_NAME, read_record(model), evaluation)
    results.mkdir(parents=True, exist_ok=True)
    write_evaluation(results, evaluation)
    write_report(results, evaluation, draw_all(evaluation, results / FIGURES_FOLDER))
    for name, split in evaluation.splits.items():
        tasks = {task: each.figures.accuracy.value for task, each in split.tasks.items()}
        log.info(
            "classification.evaluated", split=name, avg_acc=split.avg_acc.value, accuracy=tasks
        )
    return evaluation


def export_classifier(model: Path, out: Path, work: Path, options: ExportOptions) -> Exported:
    """Export a trained model, measure the graph on prepared rows, and write its card beside it.

    Args:
        model: Folder of the trained model.
        out: For graph, tokenizer, label set, category embeddings, manifest and card.
        work: Folder with the prepared rows.
        options: How to export.

    Raises:
        MissingDataError: There is no such model, or there are no rows.
        ModelIntegrityError: The graph differs too much from the network.
    """
    trained, record = load_classifier(model), read_record(model)
    check_label_set(work, trained.label_set)
    splits = read_splits(work)
    rows = splits["test"] or splits["validation"]  # a recipe may test on the validation set
    calls, _ = read_calls(rows, trained.tokenizer, trained.label_set)
    exported = export_graph(model, out, calls.ids, options)
    write_embeddings(exported.manifest, splits["train"])
    recipe = convert(record.recipe.get("evaluation", {}), EvaluationRecipe)
    evaluation = evaluate_classifier(exported.manifest, work, recipe)
    agreement = ", ".join(
        f"{share:.1%} ({task})" for task, share in exported.int8.label_agreement.items()
    )
    note = (
        f"{evaluation.form}, {exported.size_bytes / 1e6:.1f} MB; the network's labels on "
        f"{agreement} of {exported.int8.windows:,} windows of test calls"
    )
    write_card(exported.manifest.with_suffix(".md"), record, evaluation, note)
    return exported


@contextmanager
def watched(work: Path, name: str) -> Iterator[Callable[[int], Watcher]]:
    """Return a context in which a run is logged and shown, from the step on that it begins at."""
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:

        def watcher(step: int) -> Watcher:
            return stack.enter_context(MetricsLog(work / METRICS_NAME, name, step=step))

        yield watcher


def read_splits(work: Path) -> dict[str, list[Row]]:
    """Return the prepared rows of a run, by split.

    Raises:
        MissingDataError: There are none.
    """
    return {split: read_rows(rows_path(work, split)) for split in SPLITS}


def check_label_set(work: Path, label_set: LabelSet) -> None:
    """Refuse rows that were prepared for another label set, or another version of it.

    Rows without a report were written by somebody else; their labels are checked where they are
    read.

    Raises:
        MissingDataError: They are of another one.
    """
    if not (work / "data" / REPORT_NAME).is_file():
        return
    prepared = read_report(work).label_set
    if prepared != label_set.versioned_name:
        raise MissingDataError(
            f"the rows in {work} were prepared for {prepared}, not for "
            f"{label_set.versioned_name}: prepare them again"
        )

"""The experiment of the turn detection: data, models, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.core.devices import torch_threads
from training.core.json_files import write_json
from training.turns.corpus.examples import read_examples, set_path
from training.turns.corpus.prepare import prepare
from training.turns.evaluation.card import write_card
from training.turns.evaluation.evaluator import ModelEvaluator
from training.turns.evaluation.figures import draw_all
from training.turns.evaluation.record import read_record
from training.turns.evaluation.summary import (
    Summary,
    compare_forms,
    is_whole,
    make_rows,
    size_points,
)
from training.turns.learning.base import make_base
from training.turns.learning.recipe import ModelRecipe
from training.turns.progress import ExperimentBar
from training.turns.trainer import ModelTrainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.turns.corpus.prepare import DataReport
    from training.turns.evaluation.record import TrainingRecord
    from training.turns.folders import RunFolders
    from training.turns.recipe import TurnRecipe

_OWN_STAGES = 4  # data, base, evaluation, figures


def run_experiment(recipe: TurnRecipe, data: Path, folders: RunFolders, *, resume: bool) -> Summary:
    """Prepare the data, train and evaluate every model, draw the figures, write the cards.

    Args:
        recipe: Of the experiment.
        data: Folder that the sources' paths are relative to.
        folders: Of everything that is written.
        resume: Go on where a killed run stopped.

    Raises:
        RecipeError: The recipe does not fit the data or the base.
        MissingDataError: A data source or the base is missing.
        ModelIntegrityError: The base is not what it should be.
    """
    sizes = _curve_models(recipe)
    stages = _OWN_STAGES + len(recipe.models) + len(sizes)
    with torch_threads(recipe.threads), ExperimentBar(recipe.name, stages) as bar:
        bar.begin("data")
        report = prepare(recipe.data, data, folders.work, recipe.seed, bar.about)
        bar.end()
        bar.begin("base")
        make_base(recipe.base, lambda: _training_texts(recipe, folders), folders.base, recipe.seed)
        bar.end()
        models, curve = _train(recipe, folders, report, bar, resume=resume)
        bar.begin("evaluation")
        records, curve_records = _evaluate(recipe, folders, models, curve)
        bar.end()
        bar.begin("figures")
        summary = _conclude(recipe, folders, records, curve_records)
        bar.end()
    return summary


def _train(
    recipe: TurnRecipe,
    folders: RunFolders,
    report: DataReport,
    bar: ExperimentBar,
    *,
    resume: bool,
) -> tuple[list[Path], list[Path]]:
    trainer = ModelTrainer(recipe, folders, report, bar, resume=resume)
    wanted = [(model, folders.out) for model in recipe.models]
    wanted += [(model, folders.learning_curve) for model in _curve_models(recipe)]
    trained = []
    for model, out in wanted:
        bar.begin(model.name)
        trained.append(trainer.train(model, out))
        bar.end()
    return trained[: len(recipe.models)], trained[len(recipe.models) :]


def _evaluate(
    recipe: TurnRecipe, folders: RunFolders, models: list[Path], curve: list[Path]
) -> tuple[list[TrainingRecord], list[TrainingRecord]]:
    settings = recipe.evaluation
    evaluator = ModelEvaluator(
        folders.work, threshold=settings.threshold, batch=settings.batch, base=folders.base
    )
    records = [evaluator.evaluate(folder, settings.sets) for folder in models]
    return records, [evaluator.evaluate(folder, (recipe.learning_curve.set,)) for folder in curve]


def _conclude(
    recipe: TurnRecipe,
    folders: RunFolders,
    records: list[TrainingRecord],
    curve: list[TrainingRecord],
) -> Summary:
    name = recipe.learning_curve.set
    ends = [record for record in records if is_whole(record, name)] if curve else []
    summary = Summary(
        experiment=recipe.name,
        rows=make_rows(records),
        curve_set=name,
        learning_curve=size_points([*curve, *ends], name),
        punctuation=compare_forms(records),
    )
    write_results(folders, records, summary)
    for record in records:
        write_card(folders.out / record.model, record)
    return summary


def write_results(folders: RunFolders, records: list[TrainingRecord], summary: Summary) -> None:
    """Write the figures of models as JSON and as plots."""
    for record in records:
        for result in record.measured:
            write_json(folders.metrics / f"{result.model}_on_{result.set}.json", result)
    write_json(folders.metrics / "summary.json", summary)
    draw_all(records, summary, folders.figures)


def evaluate_models(
    models: list[Path],
    folders: RunFolders,
    sets: tuple[str, ...],
    *,
    threshold: float,
    batch: int,
) -> Summary:
    """Evaluate trained models on prepared data, and write figures and cards.

    Raises:
        MissingDataError: A folder holds no trained model, or a test set is missing.
    """
    evaluator = ModelEvaluator(folders.work, threshold=threshold, batch=batch)
    records = [evaluator.evaluate(folder, sets) for folder in models]
    summary = Summary(records[0].experiment, make_rows(records), "", (), compare_forms(records))
    write_results(folders, records, summary)
    for folder, record in zip(models, records, strict=True):
        write_card(folder, record)
    return summary


def model_folders(path: Path) -> list[Path]:
    """Return a model's folder itself, or the folders of models in it.

    Raises:
        MissingDataError: There is no trained model.
    """
    if not (path / "training.json").is_file():
        inside = sorted(found.parent for found in path.glob("*/training.json"))
        if inside:
            return inside
    read_record(path)
    return [path]


def _curve_models(recipe: TurnRecipe) -> list[ModelRecipe]:
    curve = recipe.learning_curve
    return [
        ModelRecipe(name=f"{curve.set}_{size}", set=curve.set, examples=size, epochs=curve.epochs)
        for size in sorted(curve.sizes)
    ]


def _training_texts(recipe: TurnRecipe, folders: RunFolders) -> Iterator[str]:
    """Return the texts of every training set, in the form that its model reads."""
    models = [*recipe.models, *_curve_models(recipe)]
    for name, form in sorted({(model.training_set, model.text) for model in models}):
        for one in read_examples(set_path(folders.work, name, "train")):
            yield one.text if form == "spoken" else one.written

"""The whole experiment: data, models, figures."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from training.json_files import write_json
from training.turns.base import make_base
from training.turns.corpus.examples import read_examples, set_path
from training.turns.corpus.prepare import prepare
from training.turns.evaluation.card import write_card
from training.turns.evaluation.examiner import Examiner
from training.turns.evaluation.figures import draw_all
from training.turns.evaluation.record import read_record
from training.turns.evaluation.summary import (
    Summary,
    compare_forms,
    is_whole,
    make_rows,
    size_points,
)
from training.turns.progress import ExperimentBar
from training.turns.recipe import ModelRecipe
from training.turns.trainer import ModelTrainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.turns.corpus.prepare import DataReport
    from training.turns.evaluation.record import TrainingRecord
    from training.turns.folders import RunFolders
    from training.turns.recipe import TurnRecipe

_OWN_STAGES = 4  # data, base, evaluation, figures


def run_experiment(recipe: TurnRecipe, data: Path, place: RunFolders, *, resume: bool) -> Summary:
    """Prepare the data, train and measure every model, draw the figures, write the cards.

    Args:
        recipe: Of the experiment.
        data: Folder that the sources' paths are relative to.
        place: To write to.
        resume: Go on where a run that was broken off stood.

    Raises:
        RecipeError: The recipe does not fit the data or the base.
        MissingDataError: A source of data or the base is not there.
        ModelIntegrityError: The base is not what it should be.
    """
    sizes = _curve_models(recipe)
    stages = _OWN_STAGES + len(recipe.models) + len(sizes)
    with _threads(recipe.threads), ExperimentBar(recipe.name, stages) as bar:
        bar.begin("data")
        report = prepare(recipe.data, data, place.work, recipe.seed)
        bar.end()
        bar.begin("base")
        make_base(recipe.base, lambda: _training_texts(recipe, place), place.base, recipe.seed)
        bar.end()
        models, curve = _train(recipe, place, report, bar, resume=resume)
        bar.begin("evaluation")
        records, curve_records = _examine(recipe, place, models, curve)
        bar.end()
        bar.begin("figures")
        summary = _conclude(recipe, place, records, curve_records)
        bar.end()
    return summary


def _train(
    recipe: TurnRecipe,
    place: RunFolders,
    report: DataReport,
    bar: ExperimentBar,
    *,
    resume: bool,
) -> tuple[list[Path], list[Path]]:
    trainer = ModelTrainer(recipe, place, report, bar, resume=resume)
    wanted = [(model, place.out) for model in recipe.models]
    wanted += [(model, place.learning_curve) for model in _curve_models(recipe)]
    folders = []
    for model, out in wanted:
        bar.begin(model.name)
        folders.append(trainer.train(model, out))
        bar.end()
    return folders[: len(recipe.models)], folders[len(recipe.models) :]


def _examine(
    recipe: TurnRecipe, place: RunFolders, models: list[Path], curve: list[Path]
) -> tuple[list[TrainingRecord], list[TrainingRecord]]:
    settings = recipe.evaluation
    examiner = Examiner(place.work, threshold=settings.threshold, batch=settings.batch)
    records = [examiner.examine(folder, settings.sets) for folder in models]
    return records, [examiner.examine(folder, (recipe.learning_curve.set,)) for folder in curve]


def _conclude(
    recipe: TurnRecipe,
    place: RunFolders,
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
    write_results(place, records, summary)
    for record in records:
        write_card(place.out / record.model, record)
    return summary


def write_results(place: RunFolders, records: list[TrainingRecord], summary: Summary) -> None:
    """Write the figures of models as JSON and as drawings."""
    for record in records:
        for measured in record.measured:
            write_json(place.metrics / f"{measured.model}_on_{measured.set}.json", measured)
    write_json(place.metrics / "summary.json", summary)
    draw_all(records, summary, place.figures)


def evaluate_models(
    folders: list[Path],
    place: RunFolders,
    sets: tuple[str, ...],
    *,
    threshold: float,
    batch: int,
) -> Summary:
    """Measure trained models on prepared data once more, and write figures and cards.

    Raises:
        MissingDataError: A folder is no trained model, or a test set is not there.
    """
    examiner = Examiner(place.work, threshold=threshold, batch=batch)
    records = [examiner.examine(folder, sets) for folder in folders]
    summary = Summary(records[0].experiment, make_rows(records), "", (), compare_forms(records))
    write_results(place, records, summary)
    for folder, record in zip(folders, records, strict=True):
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


def _training_texts(recipe: TurnRecipe, place: RunFolders) -> Iterator[str]:
    """Return the texts of every set that is learnt from, in the form that it is read in."""
    models = [*recipe.models, *_curve_models(recipe)]
    for name, form in sorted({(model.training_set, model.text) for model in models}):
        for one in read_examples(set_path(place.work, name, "train")):
            yield one.text if form == "spoken" else one.written


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from tests.support.models.tiny_trained_turns import (
    tiny_recipe,
    write_dialogues,
    write_encoder,
    write_mobilebert,
)
from training.turns.corpus.examples import Example, read_examples, set_path, write_examples
from training.turns.evaluation.card import write_card
from training.turns.evaluation.evaluator import ModelEvaluator
from training.turns.evaluation.record import read_record
from training.turns.evaluation.summary import make_rows
from training.turns.experiment import run_experiment
from training.turns.folders import RunFolders
from training.turns.learning.recipe import BaseRecipe
from training.turns.progress import ExperimentBar
from training.turns.recipe import LearningCurve, TurnRecipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    from training.turns.evaluation.summary import Summary

_TOML = """
name = "tiny"
seed = 5
models = [{{ name = "general_alone", set = "general" }}]

[base]
model = "{encoder}"

[optimisation]
max_length = 40

[evaluation]
sets = ["general"]

[data.sources.sgd]
kind = "sgd"
path = "text/sgd"

[data.sets.general]
train = 60
test = 20
validation = 10
sources = {{ sgd = 1 }}
"""
_FILES = {"config.json", "model.safetensors", "tokenizer.json", "training.json", "README.md"}


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dialogues(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> TurnRecipe:
    return tiny_recipe(write_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def run(
    data: Path, recipe: TurnRecipe, tmp_path_factory: pytest.TempPathFactory
) -> tuple[RunFolders, Summary]:
    work = tmp_path_factory.mktemp("run") / "work"
    folders = RunFolders(work, work / "models")
    return folders, run_experiment(recipe, data, folders, resume=False)


def test_every_model_is_a_folder(run: tuple[RunFolders, Summary], recipe: TurnRecipe) -> None:
    """With its weights, its tokenizer, its record and its card; no checkpoint stays behind."""
    folders, _ = run

    for model in recipe.models:
        assert {path.name for path in (folders.out / model.name).iterdir()} >= _FILES
    assert not list((folders.work / "checkpoints").iterdir())


def test_a_head_shares_its_encoder_bit_for_bit(run: tuple[RunFolders, Summary]) -> None:
    """What the export merges; the head itself has learnt."""
    folders, _ = run
    whole = load_file(folders.out / "multi" / "model.safetensors")
    head = load_file(folders.out / "general" / "model.safetensors")

    differing = {name for name, tensor in head.items() if not tensor.equal(whole[name])}

    assert differing
    assert all(
        name.startswith(("bert.pooler.", "layer_norm.", "classifier.")) for name in differing
    )
    assert read_record(folders.out / "general").encoder_of == "multi"


def test_heads_alone_are_calibrated(run: tuple[RunFolders, Summary]) -> None:
    """Their encoder knows the training texts; the temperature is written down."""
    folders, _ = run

    temperatures = {path.parent.name: read_record(path.parent).temperature
                    for path in folders.out.glob("*/training.json")}  # fmt: skip

    assert temperatures.pop("general") != 1.0
    assert set(temperatures.values()) == {1.0}


def test_the_cross_table_has_every_model_on_every_set(
    run: tuple[RunFolders, Summary],
) -> None:
    """Beside the document's figures where it has any, and with its own written down as JSON."""
    folders, summary = run
    pairs = {(row.model, row.set): row for row in summary.rows}

    assert len(pairs) == 8
    assert pairs["general_alone", "domain"].published is not None
    assert pairs["general_alone", "domain"].published.false_waits == "1165"
    assert pairs["general_written", "domain"].published is None
    assert pairs["general", "domain"].published is None  # its encoder has seen the domain
    metrics = json.loads((folders.metrics / "general_alone_on_domain.json").read_bytes())
    row = pairs["general_alone", "domain"]
    assert metrics["false_interrupts"] == row.false_interrupts
    assert metrics["complete"] + metrics["incomplete"] == row.examples == 20
    wrong = row.false_interrupts + row.false_waits
    assert row.accuracy == pytest.approx(1 - wrong / row.examples, abs=1e-5)


def test_the_forms_and_the_sizes_are_compared(run: tuple[RunFolders, Summary]) -> None:
    """Punctuation against none on the same set; the curve ends with the whole set."""
    _, summary = run

    assert [form.set for form in summary.punctuation] == ["general"]
    assert summary.punctuation[0].last_character is not None
    assert [point.examples for point in summary.learning_curve] == [40, 120]


def test_the_figures_are_drawn(run: tuple[RunFolders, Summary]) -> None:
    """A confusion matrix for each pair, and what looks at all models at once."""
    folders, summary = run
    names = {path.name for path in folders.figures.iterdir()}

    expected = {f"cm_{row.model}_on_{row.set}.png" for row in summary.rows}
    expected |= {f"{name}.png" for name in ("cross_table", "learning_curve", "thresholds")}
    assert names == expected | {"reliability.png"}
    assert all(
        path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for path in folders.figures.iterdir()
    )


def test_the_card_says_what_was_measured(run: tuple[RunFolders, Summary]) -> None:
    """Data, what needs no model, figures, limits."""
    folders, summary = run
    row = next(one for one in summary.rows if (one.model, one.set) == ("general", "general"))

    card = (folders.out / "general" / "README.md").read_text("utf-8")

    assert f"| general | {row.examples} | {row.accuracy:.2%} |" in card
    assert "that of `multi`, unchanged" in card
    assert "the last word" in card
    assert "| train | 120 |" in card


def test_a_killed_experiment_goes_on(
    run: tuple[RunFolders, Summary],
    data: Path,
    recipe: TurnRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Finished models stay as they are, the rest is made, all figures are the same."""
    folders, expected = run
    again = RunFolders(tmp_path, tmp_path / "models")
    steps = 0

    def advance(_: ExperimentBar, step: int, *__: object) -> None:
        nonlocal steps
        steps = steps + 1
        if steps == 45:
            assert step > 1
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(ExperimentBar, "advanced", advance)
        with pytest.raises(KilledError):
            run_experiment(recipe, data, again, resume=False)
    finished = {path: path.stat().st_mtime_ns for path in again.out.glob("*/model.safetensors")}
    assert 0 < len(finished) < len(recipe.models)
    assert list((again.work / "checkpoints").iterdir())

    summary = run_experiment(recipe, data, again, resume=True)

    assert summary == expected
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())
    for model in recipe.models:
        name = f"{model.name}/model.safetensors"
        assert (again.out / name).read_bytes() == (folders.out / name).read_bytes()


def test_a_changed_setting_trains_again(
    run: tuple[RunFolders, Summary], data: Path, recipe: TurnRecipe, tmp_path: Path
) -> None:
    """A finished model is one of its recipe; those that it does not concern stay.

    And torch is left with as many threads as it had.
    """
    folders = RunFolders(tmp_path / "work", tmp_path / "work" / "models")
    shutil.copytree(run[0].work, folders.work)
    threads = torch.get_num_threads() + 1
    torch.set_num_threads(threads)
    models = (*recipe.models[:3], msgspec.structs.replace(recipe.models[3], epochs=1))
    before = {path: path.stat().st_mtime_ns for path in folders.out.glob("*/model.safetensors")}

    run_experiment(msgspec.structs.replace(recipe, models=models), data, folders, resume=True)

    assert torch.get_num_threads() == threads
    torch.set_num_threads(threads - 1)
    changed = {path.parent.name for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert changed == {"general_written"}


@pytest.mark.parametrize("model", ["general_alone", "general"])
def test_the_commands_show_the_cross_table(
    run_train: Callable[..., Result], run: tuple[RunFolders, Summary], tmp_path: Path, model: str
) -> None:
    """Evaluation alone measures what training measured, and writes where it is told to.

    So does that of a head, whose texts were encoded together with its siblings' before.
    """
    folders, summary = run
    arguments = ["turns-evaluate", str(folders.out / model), "--data", str(folders.work)]

    result = run_train(*arguments, "--on", "domain", "--out", tmp_path)

    assert result.exit_code == 0, result.output
    row = next(one for one in summary.rows if (one.model, one.set) == (model, "domain"))
    assert f"{row.accuracy:.1%}" in result.output
    assert ("87.5%" in result.output) == (model == "general_alone")
    found = (tmp_path / f"results/metrics/{model}_on_domain.json").read_bytes()
    assert found == (folders.metrics / f"{model}_on_domain.json").read_bytes()


def test_a_recipe_is_run_by_its_file(
    run_train: Callable[..., Result], data: Path, recipe: TurnRecipe, tmp_path: Path
) -> None:
    """One command from the TOML file to the models."""
    (tmp_path / "tiny.toml").write_text(_TOML.format(encoder=recipe.base.model), "utf-8")
    arguments = ["turns", str(tmp_path / "tiny.toml"), "--data", str(data)]

    result = run_train(*arguments, "--work", tmp_path / "work", "--set", "optimisation.epochs=1")

    assert result.exit_code == 0, result.output
    assert "general_alone" in result.output
    assert len(read_record(tmp_path / "work/models/general_alone").outcome.epochs) == 1


def test_a_folder_without_models_is_named(run_train: Callable[..., Result], tmp_path: Path) -> None:
    """Exit 1 and one line."""
    result = run_train("turns-evaluate", tmp_path)

    assert result.exit_code == 1
    assert result.output.startswith("callstream: ")
    assert "training.json is not there" in result.output.replace("\n", " ")


def test_mobilebert_is_trained_padded_to_the_full_length(
    data: Path, recipe: TurnRecipe, tmp_path: Path
) -> None:
    """The document's base goes the same way, and the record tells the export how to pad."""
    changed = msgspec.structs.replace(
        recipe,
        base=BaseRecipe(model=str(write_mobilebert(tmp_path / "mobilebert"))),
        models=recipe.models[2:3],
        learning_curve=LearningCurve(),
    )

    run_experiment(changed, data, RunFolders(tmp_path, tmp_path / "models"), resume=False)

    record = read_record(tmp_path / "models" / "general_alone")
    assert record.padding == "full"
    assert all(one.train_loss < 2 for one in record.outcome.epochs)
    weights = load_file(tmp_path / "models" / "general_alone" / "model.safetensors")
    modules = {name.partition(".")[0] for name in weights}
    assert modules == {"mobilebert", "layer_norm", "classifier"}


def test_what_resembles_the_training_is_counted_apart(
    run: tuple[RunFolders, Summary], tmp_path: Path
) -> None:
    """Five examples of the train split among ten of the test split: five are new to the model."""
    work = tmp_path / "work"
    shutil.copytree(run[0].work, work)
    known = read_examples(set_path(work, "general", "train"))[:5]
    new = [
        Example(f"{word} never said before", "", is_complete=True, source="s", conversation=word)
        for word in ("apples", "kites", "rivers", "clouds", "violins")
    ]
    write_examples(set_path(work, "general", "test"), [*known, *new])

    record = ModelEvaluator(work, threshold=0.5, batch=4).evaluate(
        work / "models" / "general_alone", ["general", "domain"]
    )

    own, other = record.on("general"), record.on("domain")
    assert own is not None
    assert other is not None
    assert own.overall.examples == 10
    assert own.unlike_training is not None
    assert own.unlike_training.examples == 5
    assert other.unlike_training is None


def test_a_figure_that_looks_too_good_is_shown_with_the_audit(
    run: tuple[RunFolders, Summary], tmp_path: Path
) -> None:
    """Above 99 % the leaks stand beside it, in the table and on the card; below they do not."""
    folders, _ = run
    record = read_record(folders.out / "general_alone")
    honest = record.measured[0]
    share = msgspec.structs.replace(honest.overall, accuracy=0.995)
    perfect = msgspec.structs.replace(honest, overall=share)

    too_good = msgspec.structs.replace(record, measured=(perfect,))
    write_card(tmp_path, too_good)

    assert [row.audit for row in make_rows([too_good])] == [record.audit]
    assert record.audit is not None
    assert all(row.audit is None for row in make_rows([record]))
    assert "so look for leaks" in (tmp_path / "README.md").read_text("utf-8")
    card = (folders.out / "general_alone" / "README.md").read_text("utf-8")
    assert "so look for leaks" not in card

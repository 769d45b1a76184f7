from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from transformers import BertModel

import training.classification
from models.classification.decoding import decide
from models.classification.label_set import load_label_set
from models.classification.manifest import load_classification_manifest
from models.onnx_session import open_session
from models.store.manifest import verified_weights
from schemas.errors import MissingExtraError
from tests.support.classification.measured_as_live import check_measured_as_live
from tests.support.classification.tiny import (
    LABEL_SET,
    learn_tiny,
    learn_well,
    tiny_network_recipe,
    tiny_rows,
    write_label_set,
    write_splits,
)
from tests.support.models.tiny_trained_turns import bert_config, write_encoder
from training.classification.evaluation.evaluator import GENERATED, WRITTEN
from training.classification.evaluation.held_out_rows import held_out_rows
from training.classification.evaluation.measured import trained_model
from training.classification.evaluation.recipe import EvaluationRecipe, Target
from training.classification.evaluation.results import read_evaluation
from training.classification.evaluation.scoring import (
    GraphScorer,
    NetworkScorer,
)
from training.classification.experiment import (
    evaluate_classifier,
    export_classifier,
)
from training.classification.export.exporter import ExportOptions
from training.classification.export.graph import trace
from training.classification.learning.network import new_network
from training.classification.learning.recipe import HeadRecipe, Learning
from training.classification.learning.start import read_start, started_network
from training.classification.learning.trained import load_classifier
from training.classification.recipe import read_recipe
from training.core.errors import MissingDataError
from training.text.encoder_base import MINILM
from training.text.quantise import quantise

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


RECIPE = EvaluationRecipe(
    targets=(Target("main", "Time", "recall"),), overlap_tokens=8, resamples=100
)
OPTIONS = ExportOptions(name="tiny", least_agreement=0.5)
ROOM = 30


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a trained and measured model, and its prepared rows."""
    folder = tmp_path_factory.mktemp("trained")
    learn_well(folder)
    write_splits(folder / "work")
    evaluate_classifier(folder / "model", folder / "work", RECIPE)
    return folder


@pytest.fixture(scope="module")
def manifest(trained: Path) -> Path:
    """Return the manifest of its export."""
    exported = export_classifier(trained / "model", trained / "out", trained / "work", OPTIONS)
    return exported.manifest


def windows(count: int) -> list[list[int]]:
    random = np.random.default_rng(3)
    return [random.integers(5, 60, size=random.integers(1, ROOM)).tolist() for _ in range(count)]


def test_an_evaluation_writes_figures_plots_report_and_card(trained: Path) -> None:
    results = trained / "model" / "results"
    found = read_evaluation(results)
    metrics = orjson.loads((results / "metrics.json").read_bytes())

    test = found.splits["test"]
    assert metrics["eval_avg_acc"] == found.calibration.eval_avg_acc > 0.85
    assert metrics["test_sub_f1_macro"] == test.tasks["sub"].figures.macro_f1.value
    assert test.parts.keys() == {GENERATED, WRITTEN}
    assert test.sources.keys() == {"even", "odd"}
    assert test.targets["recall of Time (main)"].value > 0.8
    assert test.baselines["training words"]["main"] > test.baselines["definitions"]["main"] > 0.4
    assert {path.name for path in (results / "figures").glob("confusions_test_*.png")} == {
        f"confusions_test_{task}.png" for task in ("main", "sub", "flags")
    }
    assert "# Classification: tiny" in (trained / "model" / "README.md").read_text()
    assert "recall of Time" in (results / "report.md").read_text()


def test_main_and_sub_never_contradict(trained: Path) -> None:
    """The likeliest pair is given, also where one task alone says otherwise."""
    model = trained_model(trained / "model")
    logits = np.random.default_rng(1).normal(size=(200, 7)) * 3
    alone = {
        task.name: task.probabilities(logits[:, task.start : task.stop]) for task in model.tasks
    }

    decided = decide(alone, model.label_set, {})

    parents = np.array(model.label_set.parents(model.label_set.task("sub")))
    joint = alone["sub"] * alone["main"][:, parents]
    assert np.array_equal(decided.best["sub"], joint.argmax(axis=1))
    assert np.array_equal(decided.best["main"], parents[decided.best["sub"]])
    assert not np.array_equal(decided.best["main"], alone["main"].argmax(axis=1))
    assert np.allclose(decided.probabilities["main"].sum(axis=1), 1.0)


def test_the_exported_graph_gives_the_labels_of_the_network(manifest: Path) -> None:
    about = load_classification_manifest(manifest)

    verified_weights(manifest, about)
    assert about.tasks == {
        "main": ("Time", "Contact"),
        "sub": ("Day", "Hour", "Phone"),
        "flags": ("Polite", "Asks"),
    }
    assert min(about.agreement[f"{task}_agreement"] for task in about.tasks) >= 0.95
    assert about.eval_avg_acc > 0.85
    assert about.temperatures.keys() == about.tasks.keys()
    assert load_label_set(manifest.parent / about.label_set_file).versioned_name == "tiny-1"
    assert "mean accuracy" not in manifest.with_suffix(".md").read_text().splitlines()[0]


def test_the_live_path_gives_the_labels_that_were_measured(manifest: Path) -> None:
    """Of calls of one window and of several."""
    rows = [*tiny_rows(12, seed=7), *tiny_rows(12, seed=8, words=90)]

    calls = check_measured_as_live(manifest, rows)

    assert max(len(call[0].logits) for call in calls) > 1
    assert {len(call) for call in calls} == {1}


def test_an_int8_graph_gives_each_window_the_same_whatever_shares_its_batch(
    trained: Path, tmp_path: Path
) -> None:
    """To the last bit, with matrices large enough to be quantised."""
    label_set = load_label_set(trained / "labels.toml")
    encoder = BertModel(bert_config())  # type: ignore[no-untyped-call]
    network = new_network(encoder, label_set, HeadRecipe("mean"), seed=1)
    network.train(False)
    graph = quantise(trace(network), None)
    (tmp_path / "int8.onnx").write_bytes(graph.SerializeToString())
    session = open_session(tmp_path / "int8.onnx", device="cpu", threads=1)
    scorer = GraphScorer(session, trained_model(trained / "model").windows)
    some = windows(40)

    together = scorer.logits(some)
    alone = np.concatenate([scorer.logits([window]) for window in some])

    assert "MatMulIntegerToFloat" in {node.op_type for node in graph.graph.node}
    assert np.array_equal(together, alone)


def test_an_exported_model_can_be_trained_on(trained: Path, manifest: Path) -> None:
    """Its network, read back from the graph, says nearly what the trained one says."""
    label_set = load_label_set(trained / "labels.toml")
    start = read_start(str(manifest), label_set)
    network = started_network(start, label_set, seed=1)
    network.train(False)
    exact = trained_model(trained / "model")

    some = windows(40)
    back = NetworkScorer(network, exact.windows).logits(some)

    expected = exact.scorer.logits(some)
    assert np.abs(back - expected).max() < 0.1 * np.abs(expected).max()


def test_a_warm_start_takes_labels_by_name_and_keeps_what_it_knows(
    trained: Path, tmp_path: Path
) -> None:
    """A label that was moved or renamed by its spellings keeps its row; a new one is drawn."""
    changed = LABEL_SET.replace(
        '    { name = "Day", parent = "Time", definition = "Monday or today" },\n', ""
    ).replace(
        '{ name = "Phone", parent = "Contact", definition = "A phone number" },',
        '{ name = "Post", parent = "Contact", definition = "A letter" },\n'
        '    { name = "Weekday", parent = "Time", definition = "Monday", spellings = ["day"] },\n'
        '    { name = "Phone", parent = "Contact", definition = "A phone number" },',
    )
    path = tmp_path / "changed.toml"
    path.write_text(changed)
    label_set = load_label_set(path)
    old = load_classifier(trained / "model").network

    network = started_network(read_start(str(trained / "model"), label_set), label_set, seed=1)

    rows = {name: row for row, name in enumerate(label_set.task("sub").names)}
    was = {"Weekday": 0, "Hour": 1, "Phone": 2}
    head, old_head = network.heads[1].state_dict(), old.heads[1].state_dict()
    for part in ("weight", "bias"):
        for name, row in was.items():
            assert head[part][rows[name]].equal(old_head[part][row])
    assert not any(head["weight"][rows["Post"]].equal(row) for row in old_head["weight"])
    assert network.pre_classifier.weight.equal(old.pre_classifier.weight)


def test_a_training_from_a_trained_model_begins_with_its_accuracy(
    trained: Path, tmp_path: Path
) -> None:
    recipe = tiny_network_recipe(
        tmp_path / "unused",
        start=str(trained / "model"),
        learning={"epochs": 1, "learning_rate": 1e-9},
    )

    record = learn_tiny(tmp_path, recipe, train=tiny_rows(16, seed=9))

    best = read_evaluation(trained / "model" / "results").calibration.eval_avg_acc
    assert record.best_metric == pytest.approx(best, abs=0.02)


def test_a_start_that_is_none_is_named(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(MissingDataError, match="name 'bundled', a folder"):
        read_start(str(tmp_path), load_label_set(trained / "labels.toml"))


def test_the_commands_train_measure_and_export_own_calls(
    run_train: Callable[..., Result], tmp_path: Path
) -> None:
    """From a JSON file of labelled calls to a manifest."""
    recipe = _own_calls(tmp_path)
    work, model, out = tmp_path / "work", tmp_path / "model", tmp_path / "out"

    done = run_train("classification", recipe, "--data", tmp_path, "--work", work, "--out", model)
    again = run_train("classification-evaluate", recipe, model, "--data", work)
    exported = run_train(
        "classification-export", model, "--data", work, "--out", out, "--least-agreement", 0.5
    )

    for result in (done, again, exported):
        assert result.exit_code == 0, result.output
    first, second = (_means(each.stdout) for each in (done, again))
    assert first == second
    assert len(first) == 2
    assert load_classification_manifest(out / "own.json").tasks.keys() == {"main", "sub", "flags"}
    assert (out / "own.md").read_text().startswith("# Classification: own\n")


def _means(output: str) -> list[str]:
    return [line for line in output.splitlines() if ": mean accuracy " in line]


def _own_calls(folder: Path) -> Path:
    """Write labelled calls and a recipe for them; return the recipe's path."""
    calls = [
        {"id": row.id, "text_transcript": row.turns[0].text, "labels": row.labels}
        for row in tiny_rows(120, seed=1)
    ]
    (folder / "own.json").write_bytes(orjson.dumps(calls))
    recipe = folder / "recipe.toml"
    recipe.write_text(
        f"""
        name = "own"
        [base]
        model = "{write_encoder(folder / "encoder")}"
        [learning]
        max_tokens = 32
        epochs = 1
        [evaluation]
        resamples = 100
        [data]
        label_set = "{write_label_set(folder / "labels.toml")}"
        near_copy = 1.0
        sources.own = {{ kind = "calls", path = "own.json" }}
        """
    )
    return recipe


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("learning.epochs=0", "learning.epochs must be 1 or more"),
        ("learning.rate=1", "unknown field `rate`"),
        ("learning.max_tokens=8", "must lie between 16 and 512"),
        ("head.pooling=max", "Invalid enum value 'max'"),
        ('evaluation.targets=[{task="priority",label="Higher",measure="recall"}]', "no 'Higher'"),
        (
            'evaluation.targets=[{task="priority",label="High",measure="precision",least=0.9}]',
            "precision of High (priority) cannot be wished for",
        ),
        (
            "evaluation.readings=[{max_tokens=256,overlap_tokens=32}]",
            "evaluation.readings, reading 1: max_tokens lies between 16 and the model's 128",
        ),
        (
            'evaluation.readings=[{max_tokens=64,overlap_tokens=8,tasks=["mood"]}]',
            "evaluation.readings, reading 1: the label set has no task 'mood'",
        ),
        (
            'evaluation.readings=[{max_tokens=64,overlap_tokens=8,skips=["callers"]}]',
            "Invalid enum value 'callers'",
        ),
        ("evaluation.readings=[{max_tokens=64}]", "missing required field `overlap_tokens`"),
        ("base.positions=64", "must not be below learning.max_tokens"),
    ],
)
def test_a_wrong_recipe_is_one_line_and_exit_code_2(
    run_train: Callable[..., Result], tmp_path: Path, change: str, complaint: str
) -> None:
    recipe = _recipe("contact-centre")

    result = run_train("classification", recipe, "--work", tmp_path, "--set", change)

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert complaint in result.stderr


def test_the_bundled_recipes_are_valid() -> None:
    folder = _recipe("contact-centre").parent

    recipes = {path.stem: read_recipe(path) for path in folder.glob("*.toml")}

    assert {"contact-centre", "helpline", "distilbert"} <= recipes.keys()
    for name in ("contact-centre", "helpline"):
        assert recipes[name].base.model == MINILM
        assert recipes[name].learning.max_tokens == 128


def test_the_rounds_of_a_model_divide_their_calls_alike() -> None:
    """The seed decides the splits: another one would test on what an earlier round has learnt."""
    rounds = [read_recipe(_recipe(f"helpline{name}")) for name in ("_situations", "")]

    assert len({each.seed for each in rounds}) == 1
    sources = [each.data.sources["helpline_calls"] for each in rounds]
    assert sources == [sources[0]] * len(rounds)


def test_the_documents_preset_has_its_settings() -> None:
    recipe = read_recipe(_recipe("distilbert"))

    assert recipe.base.model == "distilbert-base-uncased"
    assert recipe.base.cuts == {}
    assert recipe.head == HeadRecipe(pooling="first", dropout=0.1)
    assert recipe.learning == Learning(
        max_tokens=512, epochs=12, batch=16, learning_rate=2e-5, weight_decay=0.01
    )
    assert (recipe.data.validation_share, recipe.data.test_share) == (0.1, 0.0)


def test_the_hand_written_calls_are_a_test_set_of_their_label_set_alone() -> None:
    helpline, other = load_label_set("helpline"), load_label_set("contact-centre")

    rows = held_out_rows(helpline)["written_by_hand"]

    assert len(rows) >= 100
    assert {task.name for task in helpline.tasks} == {task for row in rows for task in row.labels}
    assert all(row.is_synthetic for row in rows)  # no people wrote them
    assert held_out_rows(other) == {}


@pytest.mark.skipif(find_spec("mlflow") is not None, reason="MLflow is installed")
def test_tracking_without_mlflow_is_one_error_that_says_what_to_install(tmp_path: Path) -> None:
    recipe = tiny_network_recipe(
        write_encoder(tmp_path / "encoder"), learning={"tracking": "mlflow"}
    )

    with pytest.raises(MissingExtraError, match=r"callstream\[mlflow\]"):
        learn_tiny(tmp_path, recipe)


def _recipe(name: str) -> Path:
    return Path(training.classification.__file__).parent / "recipes" / f"{name}.toml"

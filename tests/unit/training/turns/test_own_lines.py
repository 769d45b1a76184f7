"""Lines of one's own calls: their form in the docs, fifty of them, and what is said of fewer."""

from __future__ import annotations

import csv
import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.torch import load_file

import training.turns
from models.turns.detector import TurnDetector
from tests.support.models.turn_sources import request
from training.core.errors import MissingDataError
from training.turns.corpus.prepare import DataReport, prepare
from training.turns.evaluation.record import read_record
from training.turns.experiment import run_experiment
from training.turns.folders import RunFolders
from training.turns.learning.classifier import starting_classifier
from training.turns.recipe import read_recipe
from training.turns.sources.readers import read_conversations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typer.testing import Result

RECIPE = Path(training.turns.__file__).parent / "recipes" / "own_lines.toml"
DOCS = Path(__file__).parents[4] / "docs" / "training.md"
FAST = ["optimisation.epochs=1", "threads=1"]


def own_rows(count: int, **more: Any) -> list[dict[str, Any]]:
    draw = random.Random(4)
    return [{"text": request(draw), "speaker": "customer", **more} for _ in range(count)]


def write_lines(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "lines.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def prepared(folder: Path, *changes: str) -> DataReport:
    recipe = read_recipe(RECIPE, changes)
    return prepare(recipe.data, folder, folder / "work", recipe.seed)


def test_the_example_of_the_docs_is_read_as_it_says(tmp_path: Path) -> None:
    example, *_ = re.findall(r"```json\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (tmp_path / "lines.jsonl").write_text(example)

    found = list(read_conversations("own", read_recipe(RECIPE).data.sources["own"], tmp_path))

    assert [len(one.turns) for one in found] == [3, 1]
    first, alone = found
    assert [turn.role for turn in first.turns] == ["customer", "agent", "customer"]
    assert [turn.is_complete for turn in first.turns] == [None, None, False]
    assert " ".join(alone.turns[0].words) == "We close at six."


def test_fifty_lines_become_a_model_that_a_worker_loads(
    run_train: Callable[..., Result], tmp_path: Path
) -> None:
    """From the bundled weights, with what they reached before beside it."""
    data, work = write_lines(tmp_path / "calls", own_rows(50)), tmp_path / "run"
    changes = [word for change in FAST for word in ("--set", change)]

    tuned = run_train("turns", RECIPE, "--data", data, "--work", work, *changes)
    model, out = work / "models" / "general", tmp_path / "out"
    exported = run_train("turns-export", model, "--data", work, "--out", out)

    assert tuned.exit_code == 0, tuned.output
    assert exported.exit_code == 0, exported.output
    assert "before" in tuned.output
    record = read_record(model)
    assert record.before_on("general") is not None
    assert record.outcome.epochs[0].epoch == 0
    assert record.parameters == 7_059_458
    detector = TurnDetector.load(out / "callstream-turns-en.json")
    (sure, unsure) = detector.probabilities(["no that is all thank you bye", "i"], ["general"] * 2)
    assert sure > unsure


def test_the_start_stays_where_no_epoch_is_better(tmp_path: Path) -> None:
    """A rate that destroys the weights: what is kept is what the training began with."""
    data = write_lines(tmp_path / "calls", own_rows(50))
    recipe = read_recipe(RECIPE, [*FAST, "optimisation.learning_rate=1.0"])
    folders = RunFolders(tmp_path / "run", tmp_path / "run" / "models")

    summary = run_experiment(recipe, data, folders, resume=False)

    record = read_record(folders.out / "general")
    assert record.outcome.best_epoch == 0
    start = starting_classifier(folders.base, "general").state_dict()
    kept = load_file(folders.out / "general" / "model.safetensors")
    assert all(kept[name].equal(parameter) for name, parameter in start.items())
    assert summary.rows[0].before == summary.rows[0].accuracy


def test_weights_go_a_part_of_the_way(tmp_path: Path) -> None:
    """From the start to what was learnt, as the recipe says."""
    data = write_lines(tmp_path / "calls", own_rows(50))
    found = {}
    for blend in (1.0, 0.25):
        recipe = read_recipe(RECIPE, [*FAST, f"optimisation.blend={blend}"])
        folders = RunFolders(tmp_path / str(blend), tmp_path / str(blend) / "models")
        run_experiment(recipe, data, folders, resume=False)
        found[blend] = load_file(folders.out / "general" / "model.safetensors")
    start = starting_classifier(folders.base, "general").state_dict()

    assert any(not found[1.0][name].equal(tensor) for name, tensor in start.items())
    for name, tensor in start.items():
        way = found[1.0][name] - tensor
        assert (found[0.25][name] - tensor - 0.25 * way).abs().max() < 1e-6


@pytest.mark.parametrize("count", [1, 10, 30])
def test_too_few_lines_say_how_many_are_needed(tmp_path: Path, count: int) -> None:
    folder = write_lines(tmp_path, own_rows(count))

    with pytest.raises(MissingDataError, match=rf"{count} utterances .* give it 50 or more"):
        prepared(folder)


def test_lines_of_one_call_say_that_calls_are_not_divided(tmp_path: Path) -> None:
    folder = write_lines(tmp_path, own_rows(60, call="0001"))

    with pytest.raises(MissingDataError, match=r"of 1 conversations.*leave out what names"):
        prepared(folder)


@pytest.mark.parametrize(("label", "what"), [(True, "complete"), (False, "incomplete")])
def test_lines_of_one_label_teach_nothing(tmp_path: Path, what: str, *, label: bool) -> None:
    folder = write_lines(tmp_path, own_rows(60, complete=label))

    with pytest.raises(MissingDataError, match=f"every training example .* is {what}, so"):
        prepared(folder)


def test_a_wrong_name_of_a_field_is_told_with_its_row(tmp_path: Path) -> None:
    rows = own_rows(50)
    rows[6]["txt"] = rows[6].pop("text")
    folder = write_lines(tmp_path, rows)

    with pytest.raises(
        MissingDataError, match=r"lines/0000006 .* has no column text, only speaker, txt"
    ):
        prepared(folder)


def test_a_damaged_line_is_told_by_its_number(tmp_path: Path) -> None:
    folder = write_lines(tmp_path, own_rows(50))
    with (folder / "lines.jsonl").open("a") as lines:
        lines.write('\n{"text": "no end}\n')

    with pytest.raises(MissingDataError, match=r"lines\.jsonl .* line 52: "):
        prepared(folder)


@pytest.mark.parametrize("form", ["csv", "txt", "bom"])
def test_lines_may_come_in_other_files(tmp_path: Path, form: str) -> None:
    rows = own_rows(60)
    file = tmp_path / f"mine.{'jsonl' if form == 'bom' else form}"
    if form == "csv":
        with file.open("w", newline="") as content:
            table = csv.DictWriter(content, ["text", "speaker", "complete"])
            table.writeheader()
            table.writerows(rows)
    elif form == "txt":
        file.write_text("\ufeff" + "\n\n".join(row["text"] for row in rows), "utf-8")
    else:
        file.write_text("\ufeff" + "\r\n".join(json.dumps(row) for row in rows), "utf-8")

    report = prepared(tmp_path, f"data.sources.own.path={file.name}")

    assert report.sources["own"].utterances == 60
    assert 0 < report.sets["general"]["train"].complete < report.sets["general"]["train"].examples

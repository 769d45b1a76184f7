from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import pytest

import training.classification
from models.text.spoken_form import spoken_form
from tests.support.models.labelled_calls import write_banking77, write_clinc150
from training.classification.corpus.rows import (
    SPLITS,
    Row,
    Split,
    read_rows,
    rows_path,
    unlabelled_path,
    write_rows,
)
from training.classification.data_recipe import DataRecipe
from training.classification.narratives.topics import CONTENT
from training.classification.prepare import prepare, read_report
from training.classification.recipe import read_recipe
from training.classification.sources.intents import FOLDER
from training.classification.sources.recipe import Source
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

_INTENTS = "contact_centre_intents"
_BANKING = Source(
    kind="banking77",
    path="text/banking77",
    intents=_INTENTS,
    test_share=0.15,
    validation_share=0.05,
)
_CLINC = Source(kind="clinc150", path="text/clinc150", intents=_INTENTS, test_share=0.0)
_RECIPE = """
name = "small"
[data]
label_set = "contact-centre"
[data.sources.banking77]
kind = "banking77"
path = "text/banking77"
intents = "contact_centre_intents"
[data.composition]
sources = ["banking77"]
train = 10
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_banking77(tmp_path / "data")
    write_clinc150(tmp_path / "data")
    return tmp_path / "data"


def _recipe(**settings: Any) -> DataRecipe:
    sources = {"banking77": _BANKING, "clinc150": _CLINC}
    return DataRecipe(label_set="contact-centre", sources=sources, **settings)


def _rows(work: Path) -> dict[Split, list[Row]]:
    return {split: read_rows(rows_path(work, split)) for split in SPLITS}


def test_every_source_is_divided_as_it_says(data: Path, tmp_path: Path) -> None:
    report = prepare(_recipe(), data, tmp_path, seed=1)

    assert report.sources["banking77"].rows == {"train": 128, "validation": 8, "test": 24}
    assert report.sources["clinc150"].rows == {"train": 36, "validation": 4, "test": 20}
    assert report.sources["clinc150"].dropped.unlabelled == 20
    assert {row.provenance["intents"] for row in read_rows(unlabelled_path(tmp_path))} == {"oos"}
    by_label = report.labels["sub_category"]
    assert {by_label[label]["test"] for label in ("Card Delivery", "Refund")} == {6}


def test_the_files_hold_what_the_report_says(data: Path, tmp_path: Path) -> None:
    report = prepare(_recipe(), data, tmp_path, seed=1)
    rows = _rows(tmp_path)

    assert report == read_report(tmp_path)
    assert {split: about.rows for split, about in report.splits.items()} == {
        split: len(of_split) for split, of_split in rows.items()
    }
    words = [len(spoken_form(row.turns[0].text).split()) for row in rows["train"]]
    assert report.splits["train"].words.mean == pytest.approx(sum(words) / len(words), abs=0.1)
    assert "Music" in report.without_rows["sub_category"]
    assert "| banking77 | 160 | 128 | 8 | 24 |" in (tmp_path / "data/report.md").read_text()


def test_the_same_seed_writes_the_same_bytes_and_prepared_data_are_kept(
    data: Path, tmp_path: Path
) -> None:
    first = prepare(_recipe(), data, tmp_path / "a", seed=1)
    second = prepare(_recipe(), data, tmp_path / "b", seed=1)
    steps: list[str] = []
    again = prepare(_recipe(), data, tmp_path / "a", 1, steps.append)

    assert first.splits == second.splits
    assert (again, steps) == (first, [])


@pytest.mark.parametrize("change", ["seed", "recipe", "data", "file"])
def test_data_are_prepared_again_where_anything_has_changed(
    change: str, data: Path, tmp_path: Path
) -> None:
    prepare(_recipe(), data, tmp_path, seed=1)
    if change == "data":
        write_banking77(data, of_each=41)
    if change == "file":
        rows_path(tmp_path, "train").write_bytes(b"")
    steps: list[str] = []

    recipe = _recipe(near_copy=0.7) if change == "recipe" else _recipe()
    prepare(recipe, data, tmp_path, 2 if change == "seed" else 1, steps.append)

    assert "writing" in steps
    assert read_rows(rows_path(tmp_path, "train"))


def test_data_are_prepared_again_where_intents_of_ones_own_have_changed(
    data: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    text = (FOLDER / f"{_INTENTS}.toml").read_text()
    own.write_text(text)
    source = msgspec.structs.replace(_BANKING, intents=str(own))
    recipe = DataRecipe(label_set="contact-centre", sources={"banking77": source})
    steps: list[str] = []
    prepare(recipe, data, tmp_path, seed=1)
    prepare(recipe, data, tmp_path, 1, steps.append)
    assert not steps

    own.write_text(f"{text}\n# another\n")
    prepare(recipe, data, tmp_path, 1, steps.append)

    assert "writing" in steps


def test_a_file_that_moves_to_another_split_is_read_again(tmp_path: Path) -> None:
    """The folder of calls that were written for a split has the name of it."""
    calls = tmp_path / "calls"
    for folder in ("train", "validation"):
        (calls / folder).mkdir(parents=True)
        text = f"[Bullying | Counselling | Low]\nA: Hello, {folder} desk.\nC: They tease me.\n"
        (calls / folder / f"{folder}.txt").write_text(text)
    source = Source(kind="written_calls", path=str(calls))
    recipe = DataRecipe(label_set="helpline", sources={"own": source})
    assert prepare(recipe, tmp_path, tmp_path, seed=1).splits["validation"].rows == 1

    (calls / "train" / "train.txt").rename(calls / "validation" / "train.txt")

    with pytest.raises(MissingDataError, match="no training row"):
        prepare(recipe, tmp_path, tmp_path, seed=1)


def test_the_sentences_that_calls_are_made_of_decide_the_rows(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def recorded(path: Path) -> str:
        read.append(path)
        return path.name

    monkeypatch.setattr("training.classification.prepare.sha256_of", recorded)
    prepare(_recipe(), data, tmp_path, seed=1)

    content = {path for path in read if path.is_relative_to(CONTENT)}
    assert {path.suffix for path in content} == {".toml", ".txt"}


def test_copies_and_contradictions_are_counted_by_source(data: Path, tmp_path: Path) -> None:
    calls = [
        {"narrative": "Where did my parcel go?", "sub_category": "Refund"},
        {"narrative": "where did my parcel go", "sub_category": "Refund"},
        {"narrative": "Play it.", "sub_category": "Music"},
        {"narrative": "play it", "sub_category": "Weather"},
        {"narrative": "...", "sub_category": "Weather"},
    ]
    (data / "own.json").write_bytes(orjson.dumps(calls))
    own = Source(kind="calls", path="own.json", split="train")
    recipe = DataRecipe(label_set="contact-centre", sources={"banking77": _BANKING, "own": own})

    report = prepare(recipe, data, tmp_path, seed=1)

    dropped = report.sources["own"].dropped
    assert (dropped.copies, dropped.contradicted, dropped.without_words) == (1, 2, 1)
    assert report.sources["own"].rows["train"] == 1
    assert report.contradictions["sub_category"] == 1
    assert report.examples[0].text == "play it"


def test_what_is_learnt_from_synthetic_rows_alone_is_told(data: Path, tmp_path: Path) -> None:
    made = [{"narrative": f"sing number {n} for me", "sub_category": "Music"} for n in range(9)]
    (data / "made.json").write_bytes(orjson.dumps(made))
    source = Source(kind="calls", path="made.json", is_synthetic=True, split="train")
    recipe = DataRecipe(label_set="contact-centre", sources={"banking77": _BANKING, "made": source})

    report = prepare(recipe, data, tmp_path, seed=1)

    assert report.synthetic_only["sub_category"] == ("Music",)
    assert "synthetic rows alone: Music" in (tmp_path / "data/report.md").read_text()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("data.sources.banking77.test_share=1.0", "must leave some to train on"),
        ('data.stratify_by="mood"', "no task 'mood'"),
        ('data.composition.sources=["other"]', "no source 'other'"),
        ('data.composition.without=["Nothing"]', "no label 'Nothing'"),
        ("data.near_copy=2.0", "near_copy must lie in"),
        ("data.sources.banking77.limit=-1", "must be 0 or more"),
        ("data.sources.banking77.forms.note=0", "no weight may be below 0, and one must be above"),
        ("data.test_share=nan", "data.test_share must be a finite number"),
        ("learning.learning_rate=inf", "learning.learning_rate must be a finite number"),
        ("learning.batch=100000000000000000000", "learning.batch must be a finite number"),
        ("learning.weight_decay=-0.1", "learning.weight_decay must be 0 or more"),
        ('base={model="minilm",layers=-1}', "base.layers must be 0 or more"),
        ('base={model="minilm",positions=-5}', "base.positions must be 0 or more"),
        ("seed=-1", "seed must be 0 or more"),
        ("seed=4294967296", "seed must be below 4294967296"),
        ("name=../esc", "name: '../esc' has to name files"),
        ('data.label_set="weather"', "no label set 'weather'"),
        ("data.sorces=1", "unknown field `sorces`"),
    ],
)
def test_a_recipe_that_is_wrong_is_one_line(
    change: str, complaint: str, run_train: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(_RECIPE)

    result = run_train("classification-prepare", tmp_path / "own.toml", "--set", change)

    assert result.exit_code == 2
    assert complaint in result.output
    assert result.output.count("\n") == 1


def test_rows_that_two_sources_both_have_are_an_error(data: Path, tmp_path: Path) -> None:
    sources = {"first": _BANKING, "second": _BANKING}

    with pytest.raises(MissingDataError, match="two rows with the id 'banking77/00000'"):
        prepare(DataRecipe(label_set="contact-centre", sources=sources), data, tmp_path, seed=1)


def test_the_commands_prepare_and_check(
    data: Path, run_train: Callable[..., Result], tmp_path: Path
) -> None:
    """A row of the test split that somebody copies into the train split is found."""
    (tmp_path / "own.toml").write_text(_RECIPE)
    options = [tmp_path / "own.toml", "--work", tmp_path]

    prepared = run_train("classification-prepare", *options, "--data", data)
    checked = run_train("classification-check", *options)
    rows = _rows(tmp_path)
    write_rows(rows_path(tmp_path, "train"), [*rows["train"], rows["test"][0]])
    leaking = run_train("classification-check", *options)

    assert prepared.exit_code == checked.exit_code == 0
    assert "composed_calls" in prepared.output
    assert f"train {len(rows['train'])}" in checked.output
    assert leaking.exit_code == 1
    assert rows["test"][0].id in leaking.output
    assert leaking.output.count("\n") == 1


def test_nothing_to_learn_from_is_an_error(data: Path, tmp_path: Path) -> None:
    sources = {
        "clinc150": Source(kind="clinc150", path="text/clinc150", intents=_INTENTS, split="")
    }
    write_clinc150(data, of_each=0)

    with pytest.raises(MissingDataError, match="no training row"):
        prepare(DataRecipe(label_set="contact-centre", sources=sources), data, tmp_path, seed=1)


def test_the_recipe_that_ships_is_valid() -> None:
    path = Path(training.classification.__file__).parent / "recipes/contact-centre.toml"

    assert read_recipe(path).data.label_set == "contact-centre"
    with pytest.raises(RecipeError, match="not of the form"):
        read_recipe(path, ["data"])

"""Sessions of continuous learning: corrected calls get right, and nothing else gets wrong."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from models.classification.label_set import load_label_set
from models.classification.manifest import load_classification_manifest
from models.store.history import ModelHistory, read_history
from models.store.layout import CHAMPION, point_alias, versions_in
from models.store.numbered import champion_of
from tests.support.classification.continuing import (
    order_rows,
    right,
    write_calls,
    write_corrections,
    write_recipe,
    write_work,
)
from tests.support.classification.tiny import LABEL_SET, tiny_rows, write_splits
from training.classification.continuous.champion import find_champion
from training.classification.continuous.comparison import measure_model
from training.classification.continuous.rows import read_learnt
from training.classification.evaluation.measured import exported_model
from training.classification.evaluation.recipe import EvaluationRecipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result


class Sessions(NamedTuple):
    """What three sessions left behind.

    Attributes:
        root: Of recipe, rows and versions.
        printed: By each session.
    """

    root: Path
    printed: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The folder of the versions."""
        return self.root / "versions"

    @property
    def history(self) -> ModelHistory:
        """What the sessions wrote down."""
        found = read_history(self.folder)
        assert found is not None
        return found


def options(root: Path) -> tuple[object, ...]:
    return (root / "recipe.toml", "--work", root / "work", "--folder", root / "versions")


def write_old_corrections(path: Path) -> Path:
    """Write two corrected calls with a label that the label set has no more."""
    rows = order_rows(2, "Phone", seed=16)
    write_corrections(path, rows)
    path.write_bytes(path.read_bytes().replace(b'"Phone"', b'"Fax"'))
    return path


@pytest.fixture(scope="module")
def sessions(
    tmp_path_factory: pytest.TempPathFactory, run_train: Callable[..., Result]
) -> Sessions:
    """A first version; one after corrections of calls about orders; and one after nothing new."""
    root = tmp_path_factory.mktemp("sessions")
    write_recipe(root)
    write_work(root / "work")
    corrections = write_corrections(root / "corrections.jsonl")
    new = write_calls(root / "new.json", tiny_rows(20, seed=21))
    old = write_old_corrections(root / "old.jsonl")
    extras = (
        (),
        ("--corrections", corrections, "--new", new),
        ("--set", "continuous.rate=1e-9", "--corrections", old),
    )
    printed = []
    for extra in extras:
        result = run_train("classification-continue", *options(root), *extra)
        assert result.exit_code == 0, result.output
        printed.append(result.stdout)
    return Sessions(root, tuple(printed))


def test_calls_like_the_corrected_ones_get_right_and_others_stay_right(sessions: Sessions) -> None:
    """Of calls that no session saw, by the live path: the loop is closed."""
    before, after = (sessions.folder / name / f"{name}.json" for name in ("tiny1", "tiny2"))
    orders, others = order_rows(40, "Phone", seed=30), tiny_rows(90, seed=31)

    assert right(before, orders) < 0.2
    assert right(after, orders) > 0.9
    assert right(after, others) >= right(before, others) - 0.04


def test_only_what_is_better_on_the_frozen_set_becomes_a_version(sessions: Sessions) -> None:
    first, second, third = sessions.history.sessions

    assert versions_in(sessions.folder) == ["tiny1", "tiny2"]
    assert [each.version for each in (first, second, third)] == ["tiny1", "tiny2", ""]
    assert first.reason.startswith("the first version")
    assert second.metrics["eval_avg_acc"] > second.champion_metrics["eval_avg_acc"]
    assert (third.is_kept, third.path) == (False, "")
    assert "is not above" in third.reason
    assert "not kept" in sessions.printed[2]
    assert champion_of(sessions.folder) == "tiny2"


def test_corrections_with_a_label_that_is_no_more_do_not_stop_a_session(
    sessions: Sessions,
) -> None:
    """Their parent label is still one, and learnt."""
    assert "rows left out: 2 in part or whole, for labels that there are no more" in " ".join(
        sessions.printed[2].split()
    )
    assert sessions.history.sessions[2].data["corrections"].rows == 2


def test_the_history_says_what_each_session_learnt_from(sessions: Sessions) -> None:
    first, second, _ = sessions.history.sessions

    assert (first.start.endswith("encoder"), second.start, second.champion) == (
        True,
        "tiny1",
        "tiny1",
    )
    assert second.data["corrections"].rows == 24
    assert second.data["new"].rows + second.data["selection"].rows > 20
    assert first.data["validation"] == second.data["validation"] == sessions.history.validation
    assert Path(second.path) == sessions.folder / "tiny2"
    assert {"eval_avg_acc", "test_avg_acc", "eval_sub_f1_macro"} <= second.metrics.keys()


def test_new_rows_of_a_kept_session_are_learnt_again_later(sessions: Sessions) -> None:
    """Those of the corrections are not: the export has them again."""
    learnt = read_learnt(sessions.folder)

    assert 0 < len(learnt) == sessions.history.sessions[1].data["new"].rows
    assert {row.source for row in learnt} == {"learnt"}


def test_a_version_says_its_name_and_its_figure(sessions: Sessions) -> None:
    """What messages carry as the model, and what stands in the history."""
    manifest = load_classification_manifest(sessions.folder / "tiny2" / "tiny2.json")

    assert manifest.name == "tiny2"
    assert manifest.eval_avg_acc == sessions.history.sessions[1].metrics["eval_avg_acc"]


def test_a_session_starts_from_the_version_that_serves(sessions: Sessions) -> None:
    """Its network, or where that was not copied the graph that serves."""
    label_set = load_label_set(sessions.root / "labels.toml")
    newest = find_champion(sessions.folder, "", label_set)
    assert newest is not None
    assert (newest.name, Path(newest.start).name) == ("tiny2", "network")

    folder = sessions.root / "copied"
    shutil.copytree(sessions.folder, folder)
    shutil.rmtree(folder / "tiny1" / "network")
    point_alias(folder, CHAMPION, "tiny1")
    older = find_champion(folder, "bundled", label_set)

    assert older is not None
    assert (older.name, older.start) == ("tiny1", str(folder / "tiny1" / "tiny1.json"))


def test_a_label_that_the_champion_does_not_have_is_its_wrong_answer(sessions: Sessions) -> None:
    """And a label under another of its spellings is the same."""
    text = LABEL_SET.replace('"Phone",', '"Line", spellings = ["phone"],').replace(
        'name = "Day",', 'name = "Date",'
    )
    path = sessions.root / "renamed.toml"
    path.write_text(text)
    label_set = load_label_set(path)
    names = {"Phone": "Line", "Day": "Date", "Hour": "Hour"}
    rows = tiny_rows(90, seed=40)
    renamed = [
        type(row)(
            **{
                **{name: getattr(row, name) for name in row.__struct_fields__},
                "labels": {
                    task: tuple(names.get(each, each) for each in held)
                    for task, held in row.labels.items()
                },
            }
        )
        for row in rows
    ]
    model, calibration = exported_model(sessions.folder / "tiny2" / "tiny2.json")
    recipe = EvaluationRecipe(resamples=100)

    plain = measure_model(model, calibration, {"validation": rows}, model.label_set, recipe)
    other = measure_model(model, calibration, {"validation": renamed}, label_set, recipe)

    with_sub = [row for row in rows if "sub" in row.labels]
    days = sum(row.labels["sub"] == ("Day",) for row in with_sub) / len(with_sub)
    assert days > 0.2
    assert other.metrics["eval_sub_acc"] == pytest.approx(
        plain.metrics["eval_sub_acc"] - days, abs=0.03
    )
    assert other.metrics["eval_main_acc"] == plain.metrics["eval_main_acc"]


def test_another_validation_set_is_refused_unless_it_is_accepted(
    sessions: Sessions, tmp_path: Path, run_train: Callable[..., Result]
) -> None:
    """Both models are measured on it then, and the history says that it is another one."""
    root = tmp_path / "root"
    shutil.copytree(sessions.root, root)
    write_splits(root / "work", {"validation": tiny_rows(30, seed=50)})
    arguments = ("classification-continue", *options(root))

    refused = run_train(*arguments)
    assert refused.exit_code == 2
    assert "is not the frozen one" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert read_history(root / "versions") == sessions.history

    accepted = run_train(*arguments, "--new-validation", "--set", "continuous.epochs=1")
    assert accepted.exit_code == 0, accepted.output
    history = read_history(root / "versions")
    assert history is not None
    assert history.validation.rows == 30
    assert history.sessions[3].data["validation"] == history.validation


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        (("--set", "continuous.epochs=0"), 2, "continuous.epochs must be 1 or more"),
        (("--set", "name=tiny2"), 2, "no digit may stand at its end"),
        (("--set", "name=other"), 2, "are of 'tiny'"),
        (("--new", "none.json"), 1, "no labelled calls at none.json"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_what_does_not_fit_is_one_line(
    sessions: Sessions,
    run_train: Callable[..., Result],
    extra: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    result = run_train("classification-continue", *options(sessions.root), *extra)

    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1

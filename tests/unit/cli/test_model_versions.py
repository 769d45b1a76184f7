"""`callstream models list|show|compare|promote|rollback classification`: words and exit codes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import orjson
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from models.store.history import ModelHistory, RowsUsed, Session, write_history
from models.store.layout import read_aliases
from stream_app.cli.app import app
from tests.support.models.stored_models import GRAPH, write_word

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

FROZEN, OTHER = RowsUsed(90, "0" * 64), RowsUsed(80, "1" * 64)


def session(number: int, validation: RowsUsed = FROZEN) -> Session:
    return Session(
        number=number,
        began_at="2026-11-27T12:00:00Z",
        seconds=61.5,
        label_set="shop-2",
        start=f"shop{number - 1}" if number > 1 else "bundled",
        champion=f"shop{number - 1}" if number > 1 else "",
        is_kept=True,
        reason="eval_avg_acc is better",
        version=f"shop{number}",
        data={"validation": validation, "corrections": RowsUsed(7, "2" * 64)},
        metrics={"eval_avg_acc": 0.9 + number / 100, "test_avg_acc": 0.8},
        champion_metrics={"eval_avg_acc": 0.9 + number / 100 - 0.01} if number > 1 else {},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Versions 1 to 3, the last of them on another validation set, and one without a record."""
    for number in (1, 2, 3, 4):
        write_word(tmp_path / f"shop{number}", f"word {number}")
    sessions = (session(1), session(2), session(3, OTHER))
    write_history(tmp_path, ModelHistory(name="shop", validation=FROZEN, sessions=sessions))
    return tmp_path


def models(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


def test_versions_are_listed_with_what_serves(folder: Path) -> None:
    models("promote", "classification", "2", "--folder", str(folder))
    models("promote", "classification", "3", "--as", "shadow", "--folder", str(folder))

    listed = orjson.loads(
        models("list", "classification", "--folder", str(folder), "--json").stdout
    )
    table = models("list", "classification", "--folder", str(folder)).stdout

    assert [(row["version"], row["aliases"]) for row in listed] == [
        ("shop4", []),
        ("shop3", ["shadow"]),
        ("shop2", ["champion"]),
        ("shop1", []),
    ]
    assert listed[2]["eval_avg_acc"] == 0.92
    assert listed[0]["eval_avg_acc"] is None
    assert "92.00%" in table


def test_versions_of_analytics_are_compared_by_a_score_of_their_own(tmp_path: Path) -> None:
    """All commands serve them; a file of figures of the other kind shows no score."""
    for number in (1, 2):
        write_word(tmp_path / f"shop{number}", f"word {number}")
    first, second = session(1), session(2)
    sessions = (
        first,
        replace(second, metrics={"eval_score": 0.71}, champion_metrics={"eval_score": 0.7}),
    )
    write_history(tmp_path, ModelHistory(name="shop", validation=FROZEN, sessions=sessions))
    folder = ("--folder", str(tmp_path))

    listed = orjson.loads(models("list", "analytics", *folder, "--json").stdout)
    shown = models("show", "analytics", "2", *folder)
    compared = models("compare", "analytics", "1", "2", *folder)
    promoted = models("promote", "analytics", "2", *folder)
    rolled_back = models("rollback", "analytics", *folder)

    assert [row["eval_score"] for row in listed] == [0.71, None]
    assert "eval_score" in shown.stdout
    assert compared.exit_code == 0
    assert promoted.stdout == "champion: shop2\n"
    assert rolled_back.stdout == "champion: shop1, no longer shop2\n"


def test_a_version_is_shown_with_its_start_rows_and_figures(folder: Path) -> None:
    result = models("show", "classification", "v2", "--folder", str(folder))

    assert result.exit_code == 0
    assert "started from shop1; eval_avg_acc is better" in result.stdout
    assert "corrections: 7 rows" in result.stdout
    assert "+" not in result.stdout.splitlines()[0]
    assert "0.9200" in result.stdout
    assert "shop1 then" in result.stdout


def test_what_serves_is_shown_where_no_version_is_named(folder: Path) -> None:
    models("promote", "classification", "shop1", "--folder", str(folder))

    shown = orjson.loads(models("show", "classification", "--folder", str(folder), "--json").stdout)

    assert shown["version"] == "shop1"


def test_two_versions_stand_side_by_side(folder: Path) -> None:
    result = models("compare", "classification", "1", "2", "--folder", str(folder))
    line = next(line for line in result.stdout.splitlines() if line.startswith("eval_avg_acc"))

    assert line.split() == ["eval_avg_acc", "0.9100", "0.9200", "+0.0100"]
    assert "note" not in result.stdout


def test_figures_of_different_validation_sets_are_told(folder: Path) -> None:
    result = models("compare", "classification", "1", "3", "--folder", str(folder))

    assert "different validation sets" in result.stdout


def test_a_promotion_and_a_rollback_move_the_alias(folder: Path) -> None:
    promoted = models("promote", "classification", "v3", "--folder", str(folder))
    rolled_back = models("rollback", "classification", "--folder", str(folder))

    assert promoted.stdout == "champion: shop3\n"
    assert rolled_back.stdout == "champion: shop2, no longer shop3\n"
    assert read_aliases(folder) == {"champion": "shop2"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "classification", "9"), "no version '9'"),
        (("show", "classification", "4"), "no record of how shop4 was trained"),
        (("compare", "classification", "1", "4"), "no record of how shop4 was trained"),
        (("promote", "classification", "9"), "no version '9'"),
        (("promote", "classification", "3", "--as", "shaddow"), "'shaddow' is not"),
        (("promote", "classification", "4", "--as", "shadow"), "shop4 serves"),
        (("show", "speech", "1"), "'speech' is not"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_there_is_one_line_and_wrong_usage(
    folder: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = models(*arguments, "--folder", str(folder))

    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_shadow_ends_by_its_promotion_and_by_a_command(folder: Path) -> None:
    where = ("--folder", str(folder))
    models("promote", "classification", "1", *where)
    models("promote", "classification", "2", "--as", "shadow", *where)

    promoted = models("promote", "classification", "2", *where)
    after = read_aliases(folder)
    models("promote", "classification", "3", "--as", "shadow", *where)
    ended, again = (models("end-shadow", "classification", *where) for _ in range(2))

    assert promoted.stdout == "champion: shop2, no longer shadow\n"
    assert after == read_aliases(folder) == {"champion": "shop2"}
    assert ended.stdout == "shadow: none, no longer shop3\n"
    assert again.stdout == "shadow: none, as before\n"


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_a_version_that_could_not_be_loaded_is_not_promoted(folder: Path, command: str) -> None:
    where = ("--folder", str(folder))
    models("promote", "classification", "4", *where)
    (folder / "shop3" / GRAPH).write_bytes(b"short")
    version = ("3",) if command == "promote" else ()

    result = models(command, "classification", *version, *where)

    assert (result.exit_code, read_aliases(folder)) == (1, {"champion": "shop4"})
    assert "is damaged or was replaced" in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_alias_of_a_version_that_is_gone_is_told(folder: Path) -> None:
    models("promote", "classification", "3", "--folder", str(folder))
    shutil.rmtree(folder / "shop3")

    listed = models("list", "classification", "--folder", str(folder))

    assert (listed.exit_code, listed.stderr) == (
        0,
        "champion: shop3, which is not there: promote another\n",
    )


@pytest.mark.parametrize("command", ["list", "show", "rollback", "end-shadow"])
def test_a_folder_without_versions_is_told(tmp_path: Path, command: str) -> None:
    result = models(command, "classification", "--folder", str(tmp_path / "none"))

    assert result.exit_code == 2
    assert "has no versions" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_list_of_versions_needs_their_folder() -> None:
    result = models("list", "classification")

    assert result.exit_code == 2
    assert "--folder" in result.stderr


def test_the_oldest_version_cannot_be_rolled_back(folder: Path) -> None:
    models("promote", "classification", "1", "--folder", str(folder))

    result = models("rollback", "classification", "--folder", str(folder))

    assert (result.exit_code, read_aliases(folder)) == (2, {"champion": "shop1"})

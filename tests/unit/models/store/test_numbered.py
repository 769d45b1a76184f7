"""Versions in folders: their history, names, champion and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.store.history import (
    HISTORY_FILE,
    ModelHistory,
    RowsUsed,
    Session,
    read_history,
    write_history,
)
from models.store.layout import CHAMPION, point_alias
from models.store.numbered import champion_of, find_version, roll_back
from models.store.versioned import VersionedStore
from schemas.errors import ConfigurationError, ModelIntegrityError
from tests.support.models.stored_models import KIND, Clock, load_word, write_word

VALIDATION = RowsUsed(90, "0" * 64)


def session(number: int, *, is_kept: bool = True) -> Session:
    return Session(
        number=number,
        began_at="2026-11-27T12:00:00Z",
        seconds=61.5,
        label_set="shop-2",
        start="shop1" if number > 1 else "bundled",
        is_kept=is_kept,
        reason="eval_avg_acc 0.91 over 0.90",
        version=f"shop{number}" if is_kept else "",
        data={"validation": VALIDATION},
        metrics={"eval_avg_acc": 0.9 + 0.01 * number},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in (1, 2, 10):
        write_word(tmp_path / f"shop{number}", f"word {number}")
    write_history(
        tmp_path,
        ModelHistory(name="shop", validation=VALIDATION, sessions=(session(1), session(2))),
    )
    return tmp_path


def test_a_history_reads_as_it_was_written(folder: Path) -> None:
    history = read_history(folder)

    assert history is not None
    assert history.sessions == (session(1), session(2))
    assert history.session_of("shop2") == session(2)
    assert history.session_of("shop10") is None


def test_a_session_that_kept_nothing_is_no_version() -> None:
    history = ModelHistory(
        name="shop", validation=VALIDATION, sessions=(session(1), session(2, is_kept=False))
    )

    assert history.session_of("") is None
    assert history.session_of("shop2") is None


def test_a_folder_without_history_has_none(tmp_path: Path) -> None:
    assert read_history(tmp_path) is None


def test_a_damaged_history_is_told(folder: Path) -> None:
    (folder / HISTORY_FILE).write_text("{")

    with pytest.raises(ModelIntegrityError, match="is damaged"):
        read_history(folder)


def test_the_newest_version_serves_beside_a_history(folder: Path) -> None:
    """The history is no manifest, so a store of this folder loads the highest number."""
    store = VersionedStore(str(folder), KIND, load_word, now=Clock())

    assert store.champion.models[0].word == "word 10"
    assert champion_of(folder) == "shop10"


@pytest.mark.parametrize("text", ["shop2", "2", "v2", "V2"])
def test_a_version_is_found_by_name_and_by_number(folder: Path, text: str) -> None:
    assert find_version(folder, text) == "shop2"


@pytest.mark.parametrize("text", ["3", "v", "shop", "", "1.0"])
def test_a_version_that_is_not_there_is_told_with_those_that_are(folder: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="there are shop1, shop2, shop10"):
        find_version(folder, text)


def test_a_rollback_goes_one_version_back_each_time(folder: Path) -> None:
    assert roll_back(folder) == ("shop10", "shop2")
    assert roll_back(folder) == ("shop2", "shop1")
    with pytest.raises(ConfigurationError, match="shop1 is the oldest version"):
        roll_back(folder)
    assert champion_of(folder) == "shop1"


def test_a_running_store_follows_a_rollback(folder: Path) -> None:
    store = VersionedStore(str(folder), KIND, load_word, now=Clock())

    roll_back(folder)
    changes = store.refresh()

    assert len(changes) == 1
    assert store.champion.models[0].word == "word 2"


def test_what_an_alias_says_is_the_champion(folder: Path) -> None:
    point_alias(folder, CHAMPION, "shop1")

    assert champion_of(folder) == "shop1"

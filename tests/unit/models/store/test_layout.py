"""Where versions lie, and what an alias means."""

from pathlib import Path

import orjson
import pytest

from models.store.layout import (
    SHADOW,
    newest_version,
    point_alias,
    read_aliases,
    serving_manifests,
    target_of,
    versions_in,
)
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from tests.support.models.stored_models import KIND, MANIFEST, write_word


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("v2", "v10", "v1"):
        write_word(tmp_path / name, name)
    (tmp_path / "v11").mkdir()
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_versions_are_in_the_order_of_their_numbers(folder: Path) -> None:
    assert versions_in(folder) == ["v1", "v2", "v10"]
    assert newest_version(folder) == folder / "v10"


def test_numbers_may_follow_any_name(tmp_path: Path) -> None:
    for name in ("intents2", "intents1"):
        write_word(tmp_path / name, name)

    assert serving_manifests(tmp_path, KIND) == [tmp_path / "intents2" / MANIFEST]


def test_an_alias_names_a_version_whatever_its_number(folder: Path) -> None:
    point_alias(folder, "champion", "v1")
    point_alias(folder, SHADOW, "v2")

    assert target_of(folder, "champion").path == folder / "v1"
    assert target_of(folder, SHADOW).path == folder / "v2"
    assert target_of(folder, "other").path is None
    assert orjson.loads((folder / "aliases.json").read_bytes()) == {
        "champion": "v1",
        "shadow": "v2",
    }


def test_manifests_in_the_folder_itself_are_its_only_version(folder: Path) -> None:
    """Whatever lies beside them: work folders of an export, say."""
    manifest = write_word(folder, "flat")

    assert serving_manifests(folder, KIND) == [manifest]
    assert serving_manifests(manifest, KIND) == [manifest]
    assert target_of(folder, SHADOW).path is None


@pytest.mark.parametrize("version", ["v3", "v11", "", "..", "../v1", "."])
def test_an_alias_is_pointed_to_nothing_but_a_version(folder: Path, version: str) -> None:
    point_alias(folder, "champion", "v1")

    with pytest.raises(ConfigurationError, match="there are v1, v2, v10"):
        point_alias(folder, "champion", version)

    assert read_aliases(folder) == {"champion": "v1"}


def test_damaged_aliases_are_not_overwritten(folder: Path) -> None:
    (folder / "aliases.json").write_text("{")

    with pytest.raises(ModelIntegrityError, match="damaged"):
        point_alias(folder, "champion", "v1")


def test_an_alias_without_a_version_is_not_found(folder: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no word model at"):
        serving_manifests(folder, KIND, SHADOW)


def test_nothing_is_left_beside_the_aliases(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}

    point_alias(folder, "champion", "v1")

    assert {path.name for path in folder.iterdir()} - before == {"aliases.json"}

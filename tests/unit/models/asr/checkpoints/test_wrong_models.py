"""A model that is not there, or is not whole: one line that says what to give."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from models.asr.backends import torch_network
from models.asr.checkpoints.names import OFFICIAL_NAMES
from models.asr.checkpoints.weights import SpeechManifest, find_weights
from models.asr.engine import load_engine
from models.store.manifest import WEIGHTS, load_manifest
from schemas.errors import CallstreamError, ModelIntegrityError, ModelNotFoundError

BUNDLED = WEIGHTS / "asr"


def failure(model: str | Path) -> str:
    with pytest.raises(CallstreamError) as raised:
        find_weights(str(model))
    assert "\n" not in str(raised.value)
    assert "torch" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled weights."""
    return Path(shutil.copytree(BUNDLED, tmp_path / "asr"))


def edited(folder: Path, **changes: Any) -> Path:
    """Return the manifest of a folder, with other values; None drops one."""
    path = folder / "callstream-en.json"
    values = {**json.loads(path.read_bytes()), **changes}
    path.write_text(json.dumps({name: v for name, v in values.items() if v is not None}))
    return path


@pytest.mark.parametrize("name", ["nosuch.pt", "./nosuch", "a/b/c", "~/nosuch", "none.json"])
def test_a_path_to_nothing_is_told(name: str) -> None:
    assert "nothing is there: give a .pt file" in failure(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("tiny.em", "tiny.en"), ("bundle", "bundled"), ("Base", "base"), ("large-v4", "large-v")],
)
def test_a_name_that_nobody_has_is_told_with_the_likeliest(name: str, meant: str) -> None:
    """Without asking openai-whisper, which needs torch."""
    message = failure(name)

    assert f"no speech weights '{name}'" in message
    assert f"did you mean '{meant}" in message


def test_the_official_names_are_those_of_openai_whisper() -> None:
    whisper = pytest.importorskip("whisper")

    assert set(whisper.available_models()) == set(OFFICIAL_NAMES)


@pytest.mark.parametrize("name", ["notes.txt", "graph.onnx"])
def test_a_file_that_holds_no_weights_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")

    assert f"{name} is no file of weights that is read here: give a .pt" in failure(tmp_path / name)


def test_what_is_wrong_with_the_model_comes_before_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, torch_network.__name__)
    monkeypatch.setitem(sys.modules, "models.extras.torch", None)

    with pytest.raises(ModelNotFoundError, match="nothing is there"):
        load_engine("./nosuch", backend="torch")


def test_the_folder_of_the_bundled_weights_means_them() -> None:
    """One of its manifests describes the whole, the other one a part of it."""
    assert find_weights(str(BUNDLED)) == find_weights("bundled")


def test_a_folder_with_one_checkpoint_means_it(tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(b"")

    assert find_weights(str(tmp_path)).source == str(tmp_path / "mine.pt")


def test_a_folder_of_several_weights_asks_for_one_of_them(tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(b"")

    assert failure(tmp_path).endswith("several weights: give the path of one: a.pt, b.pt")


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    assert failure(tmp_path).startswith(f"no speech weights at {tmp_path}: give a .pt file")


def test_the_manifest_of_a_part_names_the_whole(folder: Path) -> None:
    message = failure(folder / "callstream-en.int8.json")

    assert message.endswith(f"it is a part of {folder / 'callstream-en.json'}, give that")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"sha256": None}, "missing required field `sha256`"),
        ({"pad_ms": "much"}, "Expected `int`, got `str` - at `$.pad_ms`"),
        ({"confidence": {"points": 3}}, "at `$.confidence"),
        ({"format": "gguf"}, "format 'gguf', not 'openai-whisper'"),
        ({"sha256": "0" * 64}, "damaged or was replaced"),
        ({"file": "gone.json"}, "gone.json are missing"),
    ],
)
def test_a_broken_manifest_is_told_with_the_field(
    folder: Path, changes: dict[str, Any], place: str
) -> None:
    path = edited(folder, **changes)

    message = failure(path)

    assert str(folder) in message
    assert place in message
    assert "reinstall callstream" not in message


def test_json_that_cannot_be_read_is_told_with_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{\n  "name": "x",\n  oops\n}\n')

    with pytest.raises(ModelIntegrityError) as raised:
        load_manifest(path, SpeechManifest)

    assert str(raised.value).startswith(f"{path} is no manifest: JSON is malformed")
    assert "(line 3, column 3)" in str(raised.value)

"""Exports appear whole, and killed ones leave nothing for good."""

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from whisper.model import Whisper

from models.asr.engine import load_engine
from models.asr.exporting import onnx_export, partial_files
from models.asr.exporting.partial_files import FOREIGN_S, partial_folder, remove_leftovers
from tests.support.models.random_whisper import save_checkpoint
from tests.support.models.synthetic_audio import noise


@pytest.fixture(scope="module")
def gone() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def test_a_large_model_that_is_exported_again_is_no_larger(
    network: Whisper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also over what a killed export has left."""
    monkeypatch.setattr(onnx_export, "LARGE_BYTES", 1_000)
    source, cache = str(save_checkpoint(network, tmp_path / "mine.pt")), tmp_path / "cache"
    written = load_engine(source, precision="fp32", cache=cache).transcribe(noise(2_000)).tokens
    first = sizes(cache)
    (data,) = cache.glob("*.decoder.onnx.data")
    data.write_bytes(data.read_bytes()[:1_000])

    again = load_engine(source, precision="fp32", cache=cache).transcribe(noise(2_000))

    assert again.tokens == written
    assert sizes(cache) == first
    assert len(first) == 5


def test_an_export_that_fails_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"earlier")

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(onnx_export, "LARGE_BYTES", -1)
    monkeypatch.setattr(onnx, "save_model", full)

    with pytest.raises(OSError, match="no space"):
        onnx_export.write_model(onnx.ModelProto(), path)
    assert sizes(tmp_path) == {"graph.onnx": len(b"earlier")}


@pytest.mark.parametrize("name", ["x.int8.encoder.{}.partial", "x.encoder.onnx.{}@{}.partial"])
def test_what_a_killed_export_left_goes_with_the_next_one(
    tmp_path: Path, gone: int, name: str
) -> None:
    host = partial_files.this_host()
    left = tmp_path / (name.format(host, gone) if "@" in name else name.format(gone))
    left.mkdir()
    (left / "model.bin").write_bytes(b"half")

    with partial_folder(tmp_path / "y.onnx") as folder:
        assert sorted(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_other_exports_write_stays(tmp_path: Path) -> None:
    """Those of processes that run, of other hosts until they are old, and what is no export."""
    stay = [f"x.{os.getppid()}.partial", "x.elsewhere@1.partial", "x.partial", "x.onnx"]
    for name in (*stay, "old.elsewhere@1.partial"):
        (tmp_path / name).write_bytes(b"half")
    old = (tmp_path / "old.elsewhere@1.partial").stat().st_mtime - FOREIGN_S - 60
    os.utime(tmp_path / "old.elsewhere@1.partial", (old, old))

    remove_leftovers(tmp_path)

    assert sorted(sizes(tmp_path)) == sorted(stay)


def test_a_process_with_the_number_of_a_killed_one_starts_anew(tmp_path: Path) -> None:
    """In a container the numbers come again."""
    with partial_folder(tmp_path / "y.onnx") as folder:
        name = folder.name
    (tmp_path / name).mkdir()
    (tmp_path / name / "half").write_bytes(b"half")

    with partial_folder(tmp_path / "y.onnx") as folder:
        assert folder.name == name
        assert list(folder.iterdir()) == []

"""Which weights a name or path means, and the errors of those that cannot be loaded."""

import subprocess
import sys
from pathlib import Path

import pytest
from whisper.model import Whisper

from models.asr import engine, load_engine, onnx_store
from models.asr.weights import find_weights
from schemas.errors import MissingExtraError, ModelIntegrityError, ModelNotFoundError
from tests.unit.models.random_whisper import save_checkpoint, write_manifest


def test_a_name_means_official_weights() -> None:
    weights = find_weights("base.en")

    assert weights.source == "base.en"
    assert weights.manifest.name == "whisper-base.en"
    assert weights.manifest.encoder_context == "full"
    assert weights.manifest.takes_prompt


def test_a_manifest_beside_a_checkpoint_is_honoured(network: Whisper, tmp_path: Path) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    manifest = write_manifest(checkpoint, encoder_context="cut", alignment_heads=[[1, 0]])

    for path in (checkpoint, manifest):
        weights = find_weights(str(path))
        assert weights.manifest.alignment_heads == ((1, 0),)
        assert load_engine(str(path)).name == "random-1"


def test_a_checkpoint_alone_is_used_like_official_weights(network: Whisper, tmp_path: Path) -> None:
    alone = load_engine(str(save_checkpoint(network, tmp_path / "mine.pt")))

    assert alone.name == "whisper-mine"
    assert alone.max_samples == 480_000


def test_without_torch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engine, onnx_store):
        monkeypatch.setattr(module, "find_spec", lambda _: None)

    for backend in ("torch", "onnx"):
        with pytest.raises(MissingExtraError, match=r"callstream\[torch\]"):
            load_engine("base.en", backend=backend)


def test_the_package_imports_without_torch() -> None:
    check = "import sys, models.asr, models.audio, models.vad; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no speech weights at"):
        load_engine(str(tmp_path / "none.pt"))


def test_a_name_that_whisper_lacks_lists_those_it_has() -> None:
    with pytest.raises(ModelNotFoundError, match=r"base\.en"):
        load_engine("of-next-year")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 half a zip"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)

    with pytest.raises(ModelIntegrityError, match="damaged"):
        load_engine(str(path))


def test_a_checkpoint_that_changed_under_its_manifest_is_refused(
    network: Whisper, tmp_path: Path
) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    write_manifest(checkpoint)
    with checkpoint.open("ab") as file:
        file.write(b"!")

    with pytest.raises(ModelIntegrityError, match="damaged or was replaced"):
        load_engine(str(checkpoint))


def test_a_manifest_of_another_format_is_refused(network: Whisper, tmp_path: Path) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    manifest = write_manifest(checkpoint, format="onnx")

    with pytest.raises(ModelIntegrityError, match="'onnx'"):
        load_engine(str(manifest))

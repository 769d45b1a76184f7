"""Which weights a name or path means, and the errors of those that cannot be loaded."""

import subprocess
import sys
from pathlib import Path

import pytest
from whisper.model import Whisper

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.weights import find_weights
from models.asr.engine import load_engine
from models.fetching import hub
from schemas.errors import ModelIntegrityError, ModelNotFoundError
from tests.support.models.random_whisper import save_checkpoint, write_manifest
from tests.support.models.synthetic_audio import noise


def test_a_name_means_official_weights() -> None:
    weights = find_weights("base.en")

    assert weights.source == "base.en"
    assert weights.manifest.name == "whisper-base.en"
    assert weights.manifest.encoder_context == "cut"
    assert weights.manifest.pad_ms == 5_000
    assert weights.manifest.max_segment_ms == 25_000
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


def test_the_package_imports_without_torch() -> None:
    check = (
        "import sys, models.asr.engine, models.asr.backends.onnx_network, models.vad.front_end, "
        "models.turns.store; sys.exit('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize(
    "path", ["/none.pt", "/nowhere/whisper", "./whisper", "~/none/whisper", "models/of/mine"]
)
def test_a_path_to_nothing_is_refused(path: str) -> None:
    """Also without a suffix, where it cannot be the name of a repository."""
    with pytest.raises(ModelNotFoundError, match="no speech weights at"):
        load_engine(path)


def test_what_is_neither_folder_nor_repository_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unreachable(*_arguments: object, **_options: object) -> None:
        raise OSError("no answer\nCheck your connection.")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)

    with pytest.raises(
        ModelNotFoundError, match=r"^there is no folder 'mine/base', .* model hub: no answer$"
    ):
        read_checkpoint(find_weights("mine/base"))


def test_a_model_of_text_is_no_whisper(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"minilm is a model of text .*, no Whisper"):
        find_weights("minilm", tmp_path)


def test_a_cache_of_exports_that_cannot_be_written_is_named(
    network: Whisper, tmp_path: Path
) -> None:
    """A file where the folder should be; permissions would not stop the user root."""
    (tmp_path / "cache").write_bytes(b"")
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")

    with pytest.raises(ModelNotFoundError, match=r"exported once, and .*cache cannot be written"):
        load_engine(str(checkpoint), cache=tmp_path / "cache")


def test_a_name_that_whisper_lacks_lists_those_it_has() -> None:
    with pytest.raises(ModelNotFoundError, match=r"base\.en"):
        load_engine("of-next-year")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 half a zip"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.pt"
    path.write_bytes(content)

    with pytest.raises(ModelIntegrityError, match="damaged"):
        load_engine(str(path))


@pytest.mark.parametrize("content", [None, b"", b"{"], ids=["missing", "empty", "half"])
def test_a_damaged_cache_of_exports_mends_itself(
    network: Whisper, tmp_path: Path, content: bytes | None
) -> None:
    """Whichever of its files it is; the manifest is the last one that an export writes."""
    source, cache = str(save_checkpoint(network, tmp_path / "mine.pt")), tmp_path / "cache"
    written = load_engine(source, cache=cache).transcribe(noise(2_000)).tokens

    for path in [path for path in cache.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        again = load_engine(source, cache=cache).transcribe(noise(2_000))
        assert again.tokens == written
        assert path.read_bytes() == whole


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

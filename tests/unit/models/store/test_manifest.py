"""Bundled weights are found and checked; what is wrong is said."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from models.store.manifest import (
    WeightsManifest,
    bundled_manifest,
    load_manifest,
    sha256_of_fields,
    verified_weights,
    verify_all,
)
from schemas.errors import ModelIntegrityError, ModelNotFoundError


@pytest.fixture
def manifest_path(tmp_path: Path) -> Path:
    folder = tmp_path / "vad"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"weights")
    (folder / "card.json").write_text('{"about": "no manifest"}')
    path = folder / "small.json"
    fields = {
        "name": "small-1",
        "format": "onnx",
        "file": "weights.bin",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
        "licence": "MIT",
    }
    path.write_bytes(msgspec.json.encode(fields))
    return path


def test_all_bundled_weights_are_as_their_manifests_say() -> None:
    assert "silero-vad-6.2.3-16k" in [manifest.name for manifest in verify_all().values()]


def test_verified_weights_are_a_path(manifest_path: Path) -> None:
    manifest = load_manifest(manifest_path, WeightsManifest)

    assert verified_weights(manifest_path, manifest).read_bytes() == b"weights"
    assert verify_all(manifest_path.parent.parent) == {manifest_path: manifest}


def test_a_changed_file_is_found(manifest_path: Path) -> None:
    (manifest_path.parent / "weights.bin").write_bytes(b"weightz")

    with pytest.raises(ModelIntegrityError, match=r"weights\.bin is damaged"):
        verify_all(manifest_path.parent.parent)


def test_a_missing_file_is_found(manifest_path: Path) -> None:
    (manifest_path.parent / "weights.bin").unlink()

    with pytest.raises(ModelNotFoundError, match="are missing: copy the model again"):
        verify_all(manifest_path.parent.parent)


@pytest.mark.parametrize("content", [b"{", b'{"sha256": "00"}', b"\xff\xfe"])
def test_a_damaged_manifest_is_found(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)

    with pytest.raises(ModelIntegrityError, match="is no manifest"):
        load_manifest(path, WeightsManifest)


def test_a_missing_manifest_is_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no manifest"):
        load_manifest(tmp_path / "none.json", WeightsManifest)


def test_bundled_weights_that_are_not_there_say_what_to_do() -> None:
    with pytest.raises(ModelNotFoundError, match="reinstall"):
        bundled_manifest("vad", "of-next-year")


class Tempered(WeightsManifest, frozen=True, kw_only=True):
    """A manifest whose weights alone do not decide answers."""

    temperature: float = 1.0
    tasks: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def content_sha256(self) -> str:
        """Return the hash of what decides answers."""
        return sha256_of_fields(self, {"name", "licence"})


def test_a_name_follows_from_what_the_kind_of_manifest_says_decides() -> None:
    plain = Tempered(name="a", format="f", file="w", sha256="0" * 64)
    named = WeightsManifest(name="a", format="f", file="w", sha256="AB" * 32)

    assert named.versioned_name == "a@abababab"
    hot = msgspec.structs.replace(plain, temperature=2.0)
    assert hot.versioned_name != plain.versioned_name
    assert msgspec.structs.replace(plain, licence="MIT").versioned_name == plain.versioned_name


def test_a_field_with_its_default_changes_no_name() -> None:
    """Manifests get fields; the answers of the models before keep their ids."""
    fields = {"name": "a", "format": "f", "file": "w", "sha256": "0" * 64}
    before = sha256_of_fields(WeightsManifest(**fields), ())  # type: ignore[arg-type]

    assert sha256_of_fields(Tempered(**fields), ()) == before  # type: ignore[arg-type]
    assert sha256_of_fields(Tempered(**fields, tasks={"b": 1.0}), ()) != before  # type: ignore[arg-type]

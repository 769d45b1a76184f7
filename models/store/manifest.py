"""Weights on disk: find them, read their manifests, check their sha256.

A manifest is a JSON file beside the weights; it names the file and its sha256. Bundled weights
lie in ``models/weights/<task>/``.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import orjson

from schemas.errors import ModelIntegrityError, ModelNotFoundError

WEIGHTS = Path(__file__).parents[1] / "weights"
NAME_DIGITS = 8  # of a sha256, in the name of a version
REINSTALL = "reinstall callstream, or restore the folder from the repository"
OWN_FILES = "copy the model again, the manifest last"
_BYTE = re.compile(r"\(byte (\d+)\)")  # as msgspec tells a place


class WeightsManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What every manifest says of its weights; fields beyond these are kept by sub-classes.

    Attributes:
        name: Name and version, as it appears in messages.
        format: How the file is read (``onnx``, ``openai-whisper`` ..).
        file: File name of the weights, beside the manifest.
        sha256: Of that file, 64 hexadecimal digits.
        sample_rate_hz: Rate of the audio that the model wants; 0 for text models.
        other_files: sha256 of every further file that belongs to the weights.
        licence: Of the weights; empty where only their card says it.
    """

    name: str
    format: str
    file: str
    sha256: str
    sample_rate_hz: int = 0
    other_files: dict[str, str] = {}
    licence: str = ""

    @property
    def versioned_name(self) -> str:
        """Return name and content, as messages and checkpoints name a model that is exchanged."""
        return f"{self.name}@{self.content_sha256[:NAME_DIGITS]}"

    @property
    def content_sha256(self) -> str:
        """Return what tells a version from others of its name: the sha256 of its weights.

        Manifests whose other fields decide answers too override it with `sha256_of_fields`.
        """
        return self.sha256.lower()


Manifest = TypeVar("Manifest", bound=WeightsManifest)


def bundled_manifest(task: str, name: str) -> Path:
    """Return where the manifest of bundled weights lies.

    Raises:
        ModelNotFoundError: This installation has none of that name.
    """
    path = WEIGHTS / task / f"{name}.json"
    if not path.is_file():
        raise ModelNotFoundError(f"no bundled {task} weights at {path}: {REINSTALL}")
    return path


def load_manifest(path: Path, kind: type[Manifest]) -> Manifest:
    """Return a manifest; fields that ``kind`` does not know are ignored.

    Raises:
        ModelNotFoundError: No file there.
        ModelIntegrityError: Not a manifest.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"no manifest at {path}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = _place(path, str(error))
        advice = f"correct it, or {_advice(path)}"
        raise ModelIntegrityError(f"{path} is no manifest: {place}; {advice}") from error


def verified_weights(manifest_path: Path, manifest: WeightsManifest) -> Path:
    """Return the path of the weights after checking the sha256 of every file.

    Raises:
        ModelNotFoundError: A file is not there.
        ModelIntegrityError: A file is not the one that the manifest describes.
    """
    for name, sha256 in manifest.other_files.items():
        _verify(manifest_path.parent / name, sha256)
    path = manifest_path.parent / manifest.file
    _verify(path, manifest.sha256)
    return path


def _verify(path: Path, sha256: str) -> None:
    try:
        digest = sha256_of(path)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"the weights {path} are missing: {_advice(path)}") from error
    if digest != sha256.lower():
        raise ModelIntegrityError(
            f"{path} is damaged or was replaced (sha256 {digest[:12]}.., manifest says "
            f"{sha256[:12]}..): {_advice(path)}"
        )


def _place(path: Path, problem: str) -> str:
    """Return what is wrong with a JSON file, by line and column where a byte is named."""
    found = _BYTE.search(problem)
    if found is None:
        return problem
    before = path.read_bytes()[: int(found[1])]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    return _BYTE.sub(f"(line {line}, column {column})", problem)


def _advice(path: Path) -> str:
    return REINSTALL if path.is_relative_to(WEIGHTS) else OWN_FILES


def sha256_of(path: Path) -> str:
    """Return the hash of a file, as manifests carry it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_fields(manifest: WeightsManifest, without: Collection[str]) -> str:
    """Return the hash of what a manifest says.

    A field with its default value adds nothing, so that no name changes when manifests get fields.

    Args:
        manifest: To hash.
        without: Names of the fields that decide no answer.
    """
    said = {
        field.name: value
        for field in msgspec.structs.fields(manifest)
        if field.name not in without and (value := getattr(manifest, field.name)) != _default(field)
    }
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def _default(field: msgspec.structs.FieldInfo) -> object:
    has_factory = field.default_factory is not msgspec.NODEFAULT
    return field.default_factory() if has_factory else field.default


def write_manifest(manifest: WeightsManifest, path: Path) -> Path:
    """Write a manifest, whole or not at all; return its path."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    content = orjson.dumps(msgspec.to_builtins(manifest), option=orjson.OPT_INDENT_2)
    partial.write_bytes(content + b"\n")
    partial.replace(path)
    return path


def verify_all(root: Path = WEIGHTS) -> dict[Path, WeightsManifest]:
    """Return the manifests of all bundled weights by their paths, after checking every file.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A manifest or file is damaged.
    """
    manifests = {}
    for path in _manifest_paths(root):
        manifest = load_manifest(path, WeightsManifest)
        verified_weights(path, manifest)
        manifests[path] = manifest
    return manifests


def _manifest_paths(root: Path) -> Iterator[Path]:
    """Yield the JSON files that are manifests: those that promise a sha256."""
    for path in sorted(root.glob("*/*.json")):
        if b'"sha256"' in path.read_bytes():
            yield path

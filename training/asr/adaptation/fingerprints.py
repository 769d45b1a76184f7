"""Fingerprints of the files that pieces are made of: pieces of other files are made again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.asr.checkpoints.weights import BUNDLED, find_weights
from models.store.manifest import sha256_of
from training.asr.adaptation.sources import SYNTHETIC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.asr.speech.folders import SpeechFolders

Fingerprint = tuple[tuple[str, str], ...]  # name and SHA-256 of every file


def corpus_fingerprint(corpus: str, folders: SpeechFolders) -> Fingerprint:
    """Return the names and contents of the files of a corpus, whenever they were written."""
    if corpus == SYNTHETIC:
        return _of_files(path for kind in ("msgpack", "u8") for path in _in(folders, kind))
    return _of_files(path for path in (folders.recordings / corpus).iterdir() if path.is_file())


def weights_fingerprint(model: str) -> Fingerprint:
    """Return the contents of weights on disk; a name of published weights says what they are."""
    if model == BUNDLED:
        return ((model, find_weights(model).manifest.sha256),)
    path = Path(model).expanduser()
    if path.is_dir():
        return _of_files(each for each in path.iterdir() if each.is_file())
    return _of_files([path]) if path.is_file() else ((model, ""),)


def _in(folders: SpeechFolders, kind: str) -> Iterable[Path]:
    return folders.synthetic.glob(f"*.{kind}")


def _of_files(paths: Iterable[Path]) -> Fingerprint:
    return tuple((path.name, sha256_of(path)) for path in sorted(paths))

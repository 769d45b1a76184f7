"""The folder of synthesised speech: cleared before it is written, marked when it is complete."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from training.core.errors import MissingDataError
from training.core.json_files import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from training.asr.synthesis.recipe import Synthesis

_MARK = "complete.json"
_MADE_BY = "callstream train asr-synthesise"


class _Mark(msgspec.Struct, frozen=True):
    """What was written: how many utterances, and the hash of the settings."""

    utterances: int
    settings: str


def clear_speech(folder: Path) -> None:
    """Remove the speech of an earlier synthesis; the mark goes first."""
    (folder / _MARK).unlink(missing_ok=True)
    for pattern in ("*.msgpack", "*.u8", "*.partial"):
        for path in folder.glob(pattern):
            path.unlink()


def mark_complete(folder: Path, settings: Synthesis, utterances: int) -> None:
    """Say that all of the speech of some settings is written."""
    write_json(folder / _MARK, _Mark(utterances, _hash_of(settings)))


def has_speech(folder: Path) -> bool:
    """Return whether the folder holds speech, complete or not."""
    return (folder / _MARK).is_file() or any(folder.glob("*.msgpack"))


def check_speech(folder: Path, settings: Synthesis | None = None) -> None:
    """Make sure that the speech is complete.

    Args:
        folder: Of the shards.
        settings: That it must be of; None takes that of any.

    Raises:
        MissingDataError: There is none, its synthesis was not finished, or had other settings.
    """
    again = f"make it with `{_MADE_BY}`"
    if not has_speech(folder):
        raise MissingDataError(f"{folder} holds no speech: {again}")
    if not (folder / _MARK).is_file():
        raise MissingDataError(f"the speech in {folder} is not complete: {again}")
    mark = read_json(folder / _MARK, _Mark, what="the mark of speech", written_by=_MADE_BY)
    if settings is not None and mark.settings != _hash_of(settings):
        raise MissingDataError(f"the speech in {folder} is of another [synthesis]: {again}")


def _hash_of(settings: Synthesis) -> str:
    return hashlib.sha256(msgspec.json.encode(settings)).hexdigest()

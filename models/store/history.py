"""The history of a model's versions: what each session of training led to, and why.

It lies as ``model_metadata.json`` beside the folders of the versions (``helpline1``, ``helpline2``
..), and names no file by a sha256 of its own, which would make it a manifest.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import msgspec
import orjson

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

HISTORY_FILE = "model_metadata.json"


class RowsUsed(msgspec.Struct, frozen=True):
    """Rows of a session.

    Attributes:
        rows: How many.
        fingerprint: sha256 of their content.
    """

    rows: int
    fingerprint: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session of training.

    Attributes:
        number: From 1.
        began_at: ISO 8601, UTC.
        seconds: That it took.
        label_set: Name and version of the label set or of the analysis guide that was trained.
        start: What the network started from: a version, another trained model, or an encoder.
        champion: Version that it was compared with; empty where there was none.
        is_kept: A version was made of it.
        reason: Why it was kept or not.
        version: Folder of the version; empty where none was kept.
        path: Of that folder, as it was then.
        data: Rows by what they were for: ``replayed``, ``new``, ``corrections``, ``validation`` ..
        metrics: Figures on the frozen validation set (``eval_..``) and on the test set
            (``test_..``), of the form that serves.
        champion_metrics: Likewise of the champion, on the same rows.
    """

    number: int
    began_at: str
    seconds: float
    label_set: str
    start: str
    champion: str = ""
    is_kept: bool
    reason: str
    version: str = ""
    path: str = ""
    data: dict[str, RowsUsed] = {}
    metrics: dict[str, float] = {}
    champion_metrics: dict[str, float] = {}


class ModelHistory(msgspec.Struct, frozen=True, kw_only=True):
    """All sessions of a model.

    Attributes:
        name: Of the model: that of a version without its number.
        validation: The frozen validation set, on which versions are compared.
        sessions: In order.
        format: Of this file.
    """

    name: str
    validation: RowsUsed
    sessions: tuple[Session, ...] = ()
    format: Literal["callstream-model-history-1"] = "callstream-model-history-1"

    def session_of(self, version: str) -> Session | None:
        """Return the session that made a version; None for one that was copied here."""
        kept = (each for each in reversed(self.sessions) if each.is_kept)
        return next((each for each in kept if each.version == version), None)


def read_history(folder: Path) -> ModelHistory | None:
    """Return the history of the versions in a folder; None where no session was recorded.

    Raises:
        ModelIntegrityError: The file is damaged.
    """
    path = folder / HISTORY_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelHistory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelIntegrityError(
            f"{path} is damaged ({error}): restore it; versions serve without it"
        ) from error


def write_history(folder: Path, history: ModelHistory) -> None:
    """Replace the history of a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{HISTORY_FILE}.{os.getpid()}"
    content = orjson.dumps(msgspec.to_builtins(history), option=orjson.OPT_INDENT_2)
    partial.write_bytes(content + b"\n")
    partial.replace(folder / HISTORY_FILE)

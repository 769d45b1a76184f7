"""Names and paths that mean no weights: what to give instead."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from models.store.files import find_manifests
from schemas.errors import ModelNotFoundError

# What openai-whisper has; a name that it has not is refused before the package is asked for
OFFICIAL_NAMES = (
    "tiny.en",
    "tiny",
    "base.en",
    "base",
    "small.en",
    "small",
    "medium.en",
    "medium",
    "large-v1",
    "large-v2",
    "large-v3",
    "large",
    "large-v3-turbo",
    "turbo",
)
FORMS = (
    "a .pt file, a .json manifest, a folder with one of these, a CTranslate2 or Hugging Face "
    "folder with a config.json, or 'bundled'"
)


def unknown_name(name: str, known: Sequence[str]) -> ModelNotFoundError:
    """Return the error of a name that is no path either."""
    close = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return ModelNotFoundError(
        f"no speech weights {name!r}: there is no such file or folder, and no such name; {meant}"
        f"give {FORMS}, or one of {', '.join(sorted(known))}"
    )


def file_in(folder: Path, described: Callable[[Path], str]) -> Path:
    """Return the manifest or checkpoint that a folder means: the only one of its kind.

    Args:
        folder: Without a Hugging Face or CTranslate2 model.
        described: Returns the file that a manifest names.

    Raises:
        ModelNotFoundError: It holds none, or several.
    """
    manifests = find_manifests(folder)
    parts = {folder / described(path) for path in manifests}
    found = [path for path in manifests if path not in parts] or sorted(folder.glob("*.pt"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise ModelNotFoundError(f"{folder} holds several weights: give the path of one: {names}")
    raise ModelNotFoundError(f"no speech weights at {folder}: give {FORMS}")

"""Where the base model of an adapter lies."""

from pathlib import Path

from models.fetching.cache import default_models_folder, is_cached, verify_files
from models.fetching.catalogue import CATALOGUE, PublishedModel
from models.store.manifest import sha256_of
from schemas.errors import ModelIntegrityError, ModelNotFoundError


def find_base(base: str, sha256: str, folder: Path | None) -> Path:
    """Return the file or folder of a base model; nothing is fetched.

    Args:
        base: Name in the catalogue, or a path.
        sha256: Of the file; empty where it is not checked.
        folder: Cache of fetched models; the default one where None.

    Raises:
        ModelNotFoundError: It is not there; the message says how it is fetched.
        ModelIntegrityError: It is another file.
    """
    if base in CATALOGUE:
        path = _fetched(CATALOGUE[base], folder or default_models_folder())
    else:
        path = Path(base).expanduser()
        if not path.exists():
            raise ModelNotFoundError(
                f"no base model at {path}, and none of that name in the catalogue "
                "(`callstream models list`)"
            )
    if sha256 and path.is_file() and sha256_of(path) != sha256.lower():
        raise ModelIntegrityError(f"{path} is another base model than the adapter was trained on")
    return path


def _fetched(model: PublishedModel, folder: Path) -> Path:
    """Return the one file of a model in the cache, else its folder."""
    if not is_cached(model, folder):
        raise ModelNotFoundError(
            f"the base model {model.name} is not in {folder}: run "
            f"`callstream models fetch {model.name}` "
            f"({model.size_bytes / 1_000_000:.0f} MB, {model.licence})"
        )
    place = folder / model.name
    try:
        verify_files(model, place)
    except ModelIntegrityError as error:
        raise ModelIntegrityError(f"{error}: run `callstream models fetch {model.name}`") from error
    return place / model.files[0].name if len(model.files) == 1 else place

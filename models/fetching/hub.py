"""The model hub: the first source of published models, and the one of repositories by name.

It imports what no process needs that fetches nothing: import it when it is asked.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from huggingface_hub import constants, hf_hub_download, snapshot_download
from huggingface_hub.utils.tqdm import disable_progress_bars

from schemas.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.fetching.catalogue import PublishedModel

ANSWER_TIMEOUT_S = 3.0  # a machine without a hub must not wait for long
_FAILURES = (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError, RuntimeError)


def fetch_from_hub(model: PublishedModel, place: Path) -> None:
    """Write a model's files from the hub; they are not checked yet.

    Raises:
        ModelNotFoundError: The hub has no such files, or cannot be reached.
    """
    if not model.repository:
        raise ModelNotFoundError("the model hub: no repository with these files is known")
    disable_progress_bars()  # of every file; the command shows one of its own
    with _failures_named("the model hub"):
        # The library would try five times to reach a hub that is not there.
        httpx.head(constants.ENDPOINT, timeout=ANSWER_TIMEOUT_S)
        for file in model.files:
            hf_hub_download(
                model.repository, file.name, local_dir=place, etag_timeout=ANSWER_TIMEOUT_S
            )


def download_repository(name: str, patterns: Sequence[str]) -> Path:
    """Return the folder of a repository: from the library's cache where the hub does not answer.

    Args:
        name: Owner and name.
        patterns: Of the files that are wanted.

    Raises:
        ModelNotFoundError: No such repository, or it is not in that cache and the hub cannot be
            reached.
    """
    with _failures_named(f"there is no folder {name!r}, and none could be had from the model hub"):
        folder = snapshot_download(
            name, allow_patterns=list(patterns), etag_timeout=ANSWER_TIMEOUT_S
        )
    return Path(folder)


@contextmanager
def _failures_named(subject: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ModelNotFoundError(f"{subject}: {reason}") from error

"""What a user is told when the packages of an extra are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import MissingExtraError

_WITH_TORCH = {"torch", "train", "peers", "dev"}


@contextmanager
def required_for(purpose: str, *, extra: str) -> Iterator[None]:
    """Return a context that imports packages of an extra.

    Args:
        purpose: What needs them; begins the message.
        extra: Of this distribution.

    Raises:
        MissingExtraError: A package is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f"{purpose} needs {error.name}: {how_to_install(extra)}") from error


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, with a word about its size where it is large."""
    command = f"pip install 'callstream[{extra}]'"
    if extra not in _WITH_TORCH:
        return command
    return f"{command} (5 GB on Linux; without a GPU see docs/training.md, CPU build)"

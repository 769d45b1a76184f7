"""What a user is told when the packages of an extra are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import MissingExtraError


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
        raise MissingExtraError(
            f"{purpose} needs {error.name}: pip install 'callstream[{extra}]'"
        ) from error

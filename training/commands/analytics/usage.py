"""Wrong input of the commands that measure adapters."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import ConfigurationError
from training.core.errors import MissingDataError


@contextmanager
def missing_data_is_wrong_usage() -> Iterator[None]:
    """Turn data that is missing, empty or damaged into wrong usage: its folder is an option.

    Raises:
        ConfigurationError: There is such data.
    """
    try:
        yield
    except MissingDataError as error:
        raise ConfigurationError(str(error)) from error

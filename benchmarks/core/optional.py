"""Packages of others that a benchmark compares with; most installations have none of them."""

from importlib import import_module
from typing import Any

from schemas.errors import MissingExtraError


def optional_module(name: str, purpose: str, install: str) -> Any:
    """Return a module of an optional package.

    Args:
        name: Of the module.
        purpose: What needs it; begins the message.
        install: The command that installs it.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(f"{purpose} needs {error.name or name}: {install}") from error

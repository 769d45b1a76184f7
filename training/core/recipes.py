"""Recipes: TOML files, with changes from the command line."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

R = TypeVar("R", bound=msgspec.Struct)


def read_tables(path: Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the content of a TOML file, with ``table.key=value`` changes applied.

    Raises:
        RecipeError: The file is not valid TOML, or a change is not valid.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        message = f"the recipe {path} cannot be read: {error.strerror}"
        raise RecipeError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"the recipe {path} is not valid TOML: {error}"
        raise RecipeError(message) from error
    for change in changes:
        _apply(content, change)
    return content


def convert_recipe(content: dict[str, Any], kind: type[R], path: Path) -> R:
    """Return the content of a file as a recipe of this kind.

    Raises:
        RecipeError: A setting is missing, unknown or of the wrong type; the message names it.
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        message = f"the recipe {path} is not valid: {error}"
        raise RecipeError(message) from error


def _apply(content: dict[str, Any], change: str) -> None:
    key, found, value = change.partition("=")
    if not found:
        message = f"{change!r} is not of the form key=value"
        raise RecipeError(message)
    *tables, last = key.strip().split(".")
    table = content
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            message = f"{key!r} does not name a setting"
            raise RecipeError(message)
    try:
        table[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = value

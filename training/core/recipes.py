"""Recipes: TOML files, with changes from the command line."""

from __future__ import annotations

import math
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from models.store.files import is_file_name
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

R = TypeVar("R", bound=msgspec.Struct)
_TOO_LARGE = 2**63
_SEEDS = 2**32  # that the generators of torch and numpy take


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
        for setting in _odd_numbers(content, ""):
            message = (
                f"the recipe {path} is not valid: {setting} must be a finite number of 64 bits"
            )
            raise RecipeError(message)
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        message = f"the recipe {path} is not valid: {error}"
        raise RecipeError(message) from error


def wrong_name(name: str, setting: str) -> list[str]:
    """Return what is wrong with a name that files get, empty for nothing.

    Args:
        name: To look at.
        setting: That holds it, for the complaint.
    """
    if is_file_name(name):
        return []
    return [f"{setting}: {name!r} has to name files: letters, digits, - _ and ., not first - or ."]


def refuse(complaints: Sequence[str], path: Path) -> None:
    """Raise one error that holds all complaints about a recipe; none for none.

    Raises:
        RecipeError: There is a complaint.
    """
    if complaints:
        raise RecipeError(f"the recipe {path} is not valid: {'; '.join(complaints)}")


def below_one(settings: Mapping[str, float]) -> list[str]:
    """Return a complaint about every setting, by name, that is not 1 or more."""
    return _breaches(settings, "must be 1 or more", lambda value: value >= 1)


def below_zero(settings: Mapping[str, float]) -> list[str]:
    """Return a complaint about every setting, by name, that is not 0 or more."""
    return _breaches(settings, "must be 0 or more", lambda value: value >= 0)


def not_above_zero(settings: Mapping[str, float]) -> list[str]:
    """Return a complaint about every setting, by name, that is not above 0."""
    return _breaches(settings, "must be above 0", lambda value: value > 0)


def outside_unit(settings: Mapping[str, float]) -> list[str]:
    """Return a complaint about every setting, by name, that is no probability or share."""
    return _breaches(settings, "must lie in [0, 1]", lambda value: 0 <= value <= 1)


def not_below_one(settings: Mapping[str, float]) -> list[str]:
    """Return a complaint about every setting, by name, that is no share of less than all."""
    return _breaches(settings, "must lie in [0, 1)", lambda value: 0 <= value < 1)


def wrong_seed(seed: int) -> list[str]:
    """Return what is wrong with a seed, empty for nothing."""
    return [] if 0 <= seed < _SEEDS else [f"seed must lie in [0, {_SEEDS})"]


def _breaches(
    settings: Mapping[str, float], rule: str, is_right: Callable[[float], bool]
) -> list[str]:
    return [f"{name} {rule}" for name, value in settings.items() if not is_right(value)]


def _odd_numbers(content: object, where: str) -> Iterator[str]:
    """Yield the settings whose number no comparison and no array takes as it is."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield from _odd_numbers(value, f"{where}.{name}" if where else str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _odd_numbers(value, where)
    elif (isinstance(content, float) and not math.isfinite(content)) or (
        isinstance(content, int) and abs(content) >= _TOO_LARGE
    ):
        yield where


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

"""Every setting with its variable, value, default, meaning and source."""

import inspect
import os
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from stream_app.settings.part import Part
from stream_app.settings.root import Settings, variable_of
from stream_app.settings.routing import RouteSetting
from stream_app.settings.turns import TurnRoute

HIDDEN = "(hidden)"
Source = Literal["default", "environment"]
_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
_LENGTHS = {"min_length": "at least {} characters", "max_length": "at most {} characters"}


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """A setting.

    Attributes:
        variable: Of the environment, which sets it.
        part: Of the settings that it belongs to.
        values: What it may be.
        value: In effect, as the variable would give it; secrets are hidden.
        meaning: What it does.
    """

    variable: str
    part: str
    values: str
    value: str
    default: str
    meaning: str
    source: Source


def entries(
    settings: Settings, environment: Mapping[str, str] = os.environ
) -> Iterator[SettingEntry]:
    """Yield every setting, in the order of the parts.

    Args:
        settings: In effect.
        environment: That they were read from.
    """
    given = {name.upper() for name, value in environment.items() if value}
    for part, kind in parts().items():
        meanings = meanings_of(kind)
        values = getattr(settings, part)
        for name, field in kind.model_fields.items():
            variable = variable_of(part, name)
            yield SettingEntry(
                variable=variable,
                part=part,
                values=_allowed(field),
                value=text_of(getattr(values, name)),
                default=text_of(field.get_default(call_default_factory=True)),
                meaning=meanings.get(name, ""),
                source="environment" if variable in given else "default",
            )


def parts() -> dict[str, type[Part]]:
    """Return the parts of the settings by name."""
    kinds = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {
        name: kind
        for name, kind in kinds.items()
        if isinstance(kind, type) and issubclass(kind, Part)
    }


def summary_of(kind: type[BaseModel]) -> str:
    """Return the first line of the docstring of a part."""
    return (inspect.getdoc(kind) or "").partition("\n")[0]


def meanings_of(kind: type[BaseModel]) -> dict[str, str]:
    """Return what the section ``Attributes`` of a part's docstring says of each field."""
    lines = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2].splitlines()
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        text = line.strip()
        if line.startswith(" " * 8):
            found[name] += f" {text}"
        elif text:
            name, _, meaning = text.partition(":")
            found[name] = meaning.strip()
    return {name: meaning.replace("``", "`") for name, meaning in found.items()}


def text_of(value: object) -> str:
    """Return a value as the variable would give it, empty for none; secrets are hidden."""
    match value:
        case SecretStr():
            return HIDDEN if value.get_secret_value() else ""
        case bool():
            return str(value).lower()
        case TurnRoute() | RouteSetting():
            return value.as_text()
        case dict():
            return ";".join(f"{name}={text_of(each)}" for name, each in value.items())
        case tuple():
            is_routes = any(isinstance(each, TurnRoute | RouteSetting) for each in value)
            separator = ";" if is_routes else ","
            return separator.join(text_of(each) for each in value)
        case _:
            return "" if value is None else str(value)


def _allowed(field: FieldInfo) -> str:
    """Return what a field may be, in words."""
    kind = _kind(field.annotation)
    bounds = [
        words.format(f"{bound:g}" if isinstance(bound, float) else bound)
        for each in field.metadata
        for attribute, words in ({**_BOUNDS, **_LENGTHS}).items()
        if (bound := getattr(each, attribute, None)) is not None
    ]
    may_be_empty = type(None) in get_args(field.annotation)
    return ", ".join((kind, *bounds, *(["or empty"] if may_be_empty else [])))


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in {Union, types.UnionType}:
        kinds = [_kind(each) for each in get_args(annotation) if each is not types.NoneType]
        return " or ".join(kinds)
    if get_origin(annotation) in {tuple, dict}:
        return "list"
    names: dict[object, str] = {
        bool: "`true` or `false`",
        int: "integer",
        float: "number",
        str: "text",
        SecretStr: "text, never shown",
        Path: "path",
    }
    return names[annotation]

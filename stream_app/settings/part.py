"""What every part of the settings has in common."""

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator


class Part(BaseModel):
    """A frozen group of settings that refuses a field it does not know.

    A setting with a choice of words takes them in any case: ``json``, ``JSON`` and ``Json``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _in_any_case(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: cls._as_named(name, value) for name, value in values.items()}

    @classmethod
    def _as_named(cls, name: str, value: object) -> object:
        """Return the word of a choice that differs from ``value`` in its case alone."""
        field = cls.model_fields.get(name)
        if field is None or get_origin(field.annotation) is not Literal:
            return value
        words = {str(word).casefold(): word for word in get_args(field.annotation)}
        return words.get(str(value).strip().casefold(), value) if isinstance(value, str) else value

"""The root of all settings, read once from ``CALLSTREAM_*`` variables."""

import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from schemas.errors import ConfigurationError
from stream_app.settings.analytics import AnalyticsSettings
from stream_app.settings.api import ApiSettings
from stream_app.settings.asr import AsrSettings
from stream_app.settings.classification import ClassificationSettings
from stream_app.settings.inference import InferenceSettings
from stream_app.settings.kafka import KafkaSettings
from stream_app.settings.overload import OverloadSettings
from stream_app.settings.part import Part
from stream_app.settings.segments import SegmentSettings
from stream_app.settings.stalls import StallSettings
from stream_app.settings.suggestions import PREFIX, SEPARATOR, is_misspelt, unknown_variable
from stream_app.settings.turns import TurnSettings
from stream_app.settings.worker import MetricsSettings, WorkerSettings

_PYDANTICS = "Input should be"
_HOW_IT_WAS_READ = re.compile(", unable to .*")
_OWN_ERROR = "Value error, "  # what pydantic puts before the text of a validator of ours


class Settings(BaseSettings):
    """Every setting; ``CALLSTREAM_ASR__MODEL=base.en`` sets ``asr.model``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=SEPARATOR,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
    )

    kafka: KafkaSettings = KafkaSettings()
    asr: AsrSettings = AsrSettings()
    segments: SegmentSettings = SegmentSettings()
    turns: TurnSettings = TurnSettings()
    classification: ClassificationSettings = ClassificationSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    stalls: StallSettings = StallSettings()
    overload: OverloadSettings = OverloadSettings()
    inference: InferenceSettings = InferenceSettings()
    metrics: MetricsSettings = MetricsSettings()
    worker: WorkerSettings = WorkerSettings()
    api: ApiSettings = ApiSettings()

    def replace(self, **parts: Mapping[str, object]) -> "Settings":
        """Return a copy with fields of some parts replaced, validated.

        ``settings.replace(kafka={"bootstrap_servers": "localhost:9092"})``
        """
        values = self.model_dump()
        for name, fields in parts.items():
            values[name] = {**values[name], **fields}
        return _validated(values)


def load_settings() -> Settings:
    """Return the settings of this process's environment.

    Raises:
        ConfigurationError: A variable ``CALLSTREAM_*`` is unknown or holds a wrong value; the
            message names all of them.
    """
    known = variables()
    unknown = sorted(
        name
        for name in os.environ
        if (name.upper().startswith(PREFIX) and not is_setting(name)) or is_misspelt(name, known)
    )
    if unknown:
        raise ConfigurationError("; ".join(unknown_variable(name, known) for name in unknown))
    return _validated({})


def is_setting(name: str) -> bool:
    """Return whether an environment variable of this name sets something."""
    return name.upper() in variables()


@cache
def variables() -> frozenset[str]:
    """Return the names of the environment variables that set something, in capitals."""
    kinds = {part: field.annotation for part, field in Settings.model_fields.items()}
    return frozenset(
        variable_of(part, name)
        for part, kind in kinds.items()
        if isinstance(kind, type) and issubclass(kind, Part)
        for name in kind.model_fields
    )


def variable_of(part: str, name: str) -> str:
    """Return the environment variable of a field of a part."""
    return f"{PREFIX}{part}{SEPARATOR}{name}".upper()


def settings_from_json(text: str | bytes) -> Settings:
    """Return the settings that ``Settings.model_dump_json`` wrote."""
    return Settings.model_validate_json(text)


def _validated(values: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except SettingsError as error:
        raise ConfigurationError(f"a setting cannot be read: {error}") from error
    except ValidationError as error:
        raise ConfigurationError("; ".join(map(_problem, error.errors()))) from error


def _problem(item: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, and the value where it is one text."""
    place = "__".join(str(part) for part in item["loc"]).upper()
    variable = f"{PREFIX}{place}" if SEPARATOR in place else f"{PREFIX}{place}{SEPARATOR}.."
    text, given = item["msg"], item["input"]
    if text.startswith(_OWN_ERROR):
        return f"{variable}: {text.removeprefix(_OWN_ERROR)}"
    text = _HOW_IT_WAS_READ.sub("", text).replace(_PYDANTICS, "must be")
    shown = f", not {given!r}" if isinstance(given, str | int | float) else ""
    return f"{variable}: {text}{shown}"

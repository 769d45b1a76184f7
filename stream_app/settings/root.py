"""The root of all settings, read once from ``CALLSTREAM_*`` variables."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from schemas.errors import ConfigurationError
from stream_app.settings.asr import AsrSettings
from stream_app.settings.inference import InferenceSettings
from stream_app.settings.kafka import KafkaSettings
from stream_app.settings.metrics import MetricsSettings
from stream_app.settings.overload import OverloadSettings
from stream_app.settings.part import Part
from stream_app.settings.segments import SegmentSettings
from stream_app.settings.stalls import StallSettings
from stream_app.settings.turns import TurnSettings
from stream_app.settings.worker import WorkerSettings

PREFIX = "CALLSTREAM_"


class Settings(BaseSettings):
    """Every setting; ``CALLSTREAM_ASR__MODEL=base.en`` sets ``asr.model``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    kafka: KafkaSettings = KafkaSettings()
    asr: AsrSettings = AsrSettings()
    segments: SegmentSettings = SegmentSettings()
    turns: TurnSettings = TurnSettings()
    stalls: StallSettings = StallSettings()
    overload: OverloadSettings = OverloadSettings()
    inference: InferenceSettings = InferenceSettings()
    metrics: MetricsSettings = MetricsSettings()
    worker: WorkerSettings = WorkerSettings()

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
    names = (name for name in os.environ if name.upper().startswith(PREFIX))
    unknown = sorted(name for name in names if not is_setting(name))
    if unknown:
        raise ConfigurationError("; ".join(f"{name} is not a setting" for name in unknown))
    return _validated({})


def is_setting(name: str) -> bool:
    """Return whether an environment variable of this name sets something."""
    part, _, field = name.upper().removeprefix(PREFIX).lower().partition("__")
    model = Settings.model_fields.get(part)
    kind = model.annotation if model is not None else None
    return isinstance(kind, type) and issubclass(kind, Part) and field in kind.model_fields


def settings_from_json(text: str | bytes) -> Settings:
    """Return the settings that ``Settings.model_dump_json`` wrote."""
    return Settings.model_validate_json(text)


def _validated(values: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except SettingsError as error:
        raise ConfigurationError(f"a setting cannot be read: {error}") from error
    except ValidationError as error:
        problems = (
            f"{PREFIX}{'__'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors()
        )
        raise ConfigurationError("; ".join(problems)) from error

"""Return every setting of callstream: one root, read once from ``CALLSTREAM_*`` variables."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    SettingsConfigDict,
    SettingsError,
)

from schemas.errors import ConfigurationError

PREFIX = "CALLSTREAM_"

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
# What the models know by these names; nothing of them is imported for it, which a test watches
Backend = Literal["auto", "onnx", "torch", "ctranslate2", "mlx"]
Precision = Literal["auto", "fp32", "int8", "bf16", "fp16"]
Policy = Literal["auto", "local_agreement", "attention_guided", "utterance_only"]
WordStyle = Literal["spoken", "normalised"]
Words = Annotated[tuple[str, ...], NoDecode]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Part):
    """How to reach the brokers, and how consumers behave.

    Attributes:
        bootstrap_servers: Comma-separated ``host:port`` pairs.
        session_timeout_s: A worker silent for so long loses its partitions.
        commit_interval_s: How often acknowledged offsets are committed.
        max_poll_interval_s: A worker that takes no events for so long loses its partitions.
        fetch_max_wait_ms: Longest wait of a fetch for data, and shortest time between two polls:
            what comes meanwhile is taken together. Less is faster, more is cheaper.
        is_idempotent: Producers ask the brokers to drop what a retry would write twice.
        leaves_group: A worker that stops in order gives its partitions back at once.
        is_static_member: Keep a restarted worker's partitions for it (group instance id).
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "PLAIN"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    partitions: int = Field(default=12, ge=1)
    replication_factor: int = Field(default=1, ge=1)
    session_timeout_s: float = Field(default=10.0, gt=0)
    heartbeat_s: float = Field(default=2.0, gt=0)
    commit_interval_s: float = Field(default=0.5, gt=0)
    max_poll_interval_s: float = Field(default=300.0, gt=0)
    max_poll_records: int = Field(default=500, ge=1)
    fetch_max_wait_ms: int = Field(default=40, ge=1)
    request_timeout_s: float = Field(default=40.0, gt=0)
    is_idempotent: bool = True
    leaves_group: bool = True
    is_static_member: bool = True

    @field_serializer("sasl_password", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        """The supervisor hands the settings to its children through a pipe, as JSON."""
        return value.get_secret_value()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL") and not self.sasl_username:
            raise ValueError(f"{self.security_protocol} needs sasl_username and sasl_password")
        if self.heartbeat_s >= self.session_timeout_s:
            raise ValueError("heartbeat_s must be shorter than session_timeout_s")
        return self


class AsrSettings(_Part):
    """Speech recognition.

    Attributes:
        model: ``bundled``, a name such as ``base.en``, or a path.
        backend: What runs the weights; ``auto`` takes the fastest one that is installed.
        precision: Of the weights at work, such as ``fp32`` or ``int8``; ``auto`` leaves it to
            the back-end.
        threads: Of one process; several processes of one thread each serve more calls.
        partial_interval_ms: New audio between two partials of a segment; stretches under overload.
        max_batch: Most requests in one call of the model.
        policy: When words of a partial are committed; ``auto`` leaves it to the weights,
            ``utterance_only`` asks for no partials at all.
        policy_guard_ms: Audio that must follow a word before ``attention_guided`` commits it; the
            weights' own value by default.
        numbers: ``spoken`` leaves words as they were said; ``normalised`` writes English numbers,
            amounts, times, spellings and addresses as they are written.
        deterministic: Partials repeat byte for byte as finals do. Their interval never stretches
            and none is shed, so that overload delays finals as well.
    """

    model: str = "bundled"
    backend: Backend = "auto"
    precision: Precision = "auto"
    device: str = "cpu"
    threads: int = Field(default=1, ge=1)
    partial_interval_ms: int = Field(default=500, ge=100)
    max_batch: int = Field(default=8, ge=1)
    policy: Policy = "auto"
    policy_guard_ms: int | None = Field(default=None, ge=0)
    numbers: WordStyle = "spoken"
    deterministic: bool = False


class SegmentSettings(_Part):
    """How speech is cut into segments.

    Attributes:
        pause_ms: Silence that ends a segment.
        max_segment_ms: A segment is cut before it gets longer.
        pre_roll_ms: Audio kept from before the first speech.
    """

    pause_ms: int = Field(default=400, ge=100)
    max_segment_ms: int = Field(default=12_000, ge=2_000, le=28_000)
    pre_roll_ms: int = Field(default=192, ge=0, le=400)

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.pre_roll_ms > self.pause_ms:
            raise ValueError("pre_roll_ms must not exceed pause_ms")
        if self.max_segment_ms < self.pause_ms + 2_000:
            raise ValueError("max_segment_ms must exceed pause_ms by 2000")
        return self


class TurnSettings(_Part):
    """How turns end.

    Attributes:
        silence_ms: Silence that ends a turn.
        ceiling_ms: Silence after which a turn ends whatever its text says.
        backchannels: Short acknowledgements that do not take the turn, comma-separated; the
            built-in list where empty.
    """

    silence_ms: int = Field(default=700, ge=100)
    ceiling_ms: int = Field(default=3_000, ge=500)
    backchannels: Words = ()

    @model_validator(mode="before")
    @classmethod
    def _split_words(cls, values: Any) -> Any:
        words = values.get("backchannels") if isinstance(values, dict) else None
        if isinstance(words, str):
            parts = tuple(word.strip() for word in words.split(",") if word.strip())
            return {**values, "backchannels": parts}
        return values

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.silence_ms > self.ceiling_ms:
            raise ValueError("silence_ms must not exceed ceiling_ms")
        return self


class StallSettings(_Part):
    """When a call without audio is closed.

    Attributes:
        stall_after_s: Time without audio after which segments and turns close.
        stale_after_s: Time without audio after which the call ends; longer than any gateway spools.
    """

    stall_after_s: float = Field(default=15.0, gt=0)
    stale_after_s: float = Field(default=600.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.stale_after_s <= self.stall_after_s:
            raise ValueError("stale_after_s must be longer than stall_after_s")
        return self


class OverloadSettings(_Part):
    """What a worker does when it falls behind.

    Attributes:
        max_pending_final_audio_s: Reading stops while finals of more audio are unfinished.
        no_partials_behind_s: A channel further behind the wall clock computes no partials.
        max_final_s: A final that the model works on for longer ends the process.
    """

    max_pending_final_audio_s: float = Field(default=60.0, gt=0)
    no_partials_behind_s: float = Field(default=2.0, gt=0)
    max_final_s: float = Field(default=60.0, gt=0)


class MetricsSettings(_Part):
    """Where Prometheus finds the metrics.

    Attributes:
        port: First port; each agent of the registry takes the next one, further processes of
            an agent the same again behind all of them. 0 is off.
    """

    port: int = Field(default=0, ge=0, le=65_000)
    host: str = "127.0.0.1"


class WorkerSettings(_Part):
    """A worker.

    Attributes:
        id: Stable name of this worker among all; empty makes one up at each start.
        log_level: One of the standard library's names.
    """

    id: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$", max_length=200)
    log_level: Literal["debug", "info", "warning", "error"] = "info"


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
    unknown = sorted(name for name in names if not _is_setting(name))
    if unknown:
        raise ConfigurationError("; ".join(f"{name} is not a setting" for name in unknown))
    return _validated({})


def _is_setting(name: str) -> bool:
    part, _, field = name.upper().removeprefix(PREFIX).lower().partition("__")
    model = Settings.model_fields.get(part)
    kind = model.annotation if model is not None else None
    return isinstance(kind, type) and issubclass(kind, _Part) and field in kind.model_fields


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

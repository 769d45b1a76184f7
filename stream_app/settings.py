"""Return every setting of callstream: one root, read once from ``CALLSTREAM_*`` variables."""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
    field_validator,
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
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s,:\[\]]+)(?::(\d{1,5}))?")
_MAX_PORT = 65_535


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Part):
    """How to reach the brokers, and how consumers behave.

    Attributes:
        bootstrap_servers: Comma-separated ``host:port`` pairs.
        session_timeout_s: A worker silent for so long loses its partitions.
        commit_interval_s: How often acknowledged offsets are committed.
        checkpoint_interval_s: Changes of an open call within this time share one checkpoint, for
            which their acknowledgements wait. Outputs never wait, and their checkpoint follows them
            at once.
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
    checkpoint_interval_s: float = Field(default=1.0, ge=0, le=10)
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

    @field_validator("bootstrap_servers")
    @classmethod
    def _hosts_and_ports(cls, value: str) -> str:
        for server in value.split(","):
            found = _SERVER.fullmatch(server.strip())
            if found is None or not 0 < int(found[1] or 1) <= _MAX_PORT:
                raise ValueError(f"'{server.strip()}' is no HOST:PORT")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL") and not self.sasl_username:
            raise ValueError(f"{self.security_protocol} needs sasl_username and sasl_password")
        if self.heartbeat_s >= self.session_timeout_s:
            raise ValueError("heartbeat_s must be shorter than session_timeout_s")
        if self.request_timeout_s < self.session_timeout_s:
            raise ValueError("request_timeout_s must not be shorter than session_timeout_s")
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


class TurnRoute(_Part):
    """Which calls and parties a variant of the end-of-turn model judges; an empty field fits all.

    Attributes:
        variant: Of the model.
        threshold: Probability from which the variant calls a text complete; else
            ``complete_probability`` of the settings.
    """

    variant: str = Field(min_length=1)
    party: Literal["", "agent", "customer", "unknown"] = ""
    domain: str = ""
    language: str = ""
    threshold: float | None = Field(default=None, gt=0, le=1)


class TurnSettings(_Part):
    """How turns end.

    Attributes:
        model: Judges by the words whether a turn is over: ``bundled``, ``none`` for silence alone,
            or the path of a manifest or a folder of them.
        routes: Which variant of it judges whom, the first that fits: ``agent=party:agent;
            helpline=domain:helpline,threshold:0.8`` with the fields of `TurnRoute`. What none
            fits is judged by ``general``.
        complete_silence_ms: Silence that ends a turn whose words are complete.
        silence_ms: Silence that ends a turn of whose words nothing is known.
        uncertain_silence_ms: Silence that ends a turn whose words may be complete or not.
        incomplete_silence_ms: Silence that ends a turn whose words are incomplete.
        dictation_silence_ms: Silence that ends a turn in which a number, a spelling or an address
            is being dictated.
        ceiling_ms: Silence after which a turn ends whatever its text says.
        complete_probability: Words are complete from this probability on.
        incomplete_probability: They are incomplete up to this one.
        backchannels: Short acknowledgements that do not take the turn, comma-separated; the
            built-in list where empty.
        threads: Of one run of the model.
        max_batch: Most texts in one run, of many calls.
        refresh_s: Time between two looks for new files of the model.
    """

    model: str = Field(default="bundled", min_length=1)
    routes: Annotated[tuple[TurnRoute, ...], NoDecode] = ()
    complete_silence_ms: int = Field(default=400, ge=100)
    silence_ms: int = Field(default=700, ge=100)
    uncertain_silence_ms: int = Field(default=1_000, ge=100)
    incomplete_silence_ms: int = Field(default=2_000, ge=100)
    dictation_silence_ms: int = Field(default=2_200, ge=100)
    ceiling_ms: int = Field(default=3_000, ge=500)
    complete_probability: float = Field(default=0.65, gt=0, le=1)
    incomplete_probability: float = Field(default=0.3, ge=0, lt=1)
    backchannels: Words = ()
    threads: int = Field(default=1, ge=1)
    max_batch: int = Field(default=16, ge=1)
    refresh_s: float = Field(default=5.0, gt=0)

    @property
    def thresholds(self) -> dict[str, float]:
        """Return the thresholds of the variants that have one of their own."""
        return {r.variant: r.threshold for r in self.routes if r.threshold is not None}

    @model_validator(mode="before")
    @classmethod
    def _split(cls, values: Any) -> Any:
        """Read the fields that an environment variable holds as one text."""
        if not isinstance(values, dict):
            return values
        readers = {"backchannels": _split_words, "routes": _split_routes}
        texts = {
            n: read(values[n]) for n, read in readers.items() if isinstance(values.get(n), str)
        }
        return {**values, **texts}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.silence_ms > self.ceiling_ms:
            raise ValueError("silence_ms must not exceed ceiling_ms")
        if self.model == "none":
            return self
        kinds = ("complete_silence", "silence", "uncertain_silence", "incomplete_silence")
        names = (*(f"{kind}_ms" for kind in kinds), "ceiling_ms")
        silences = [int(getattr(self, name)) for name in names]
        if silences != sorted(silences):
            raise ValueError(f"{' <= '.join(names)} must hold, not {silences}")
        if not self.silence_ms <= self.dictation_silence_ms <= self.ceiling_ms:
            raise ValueError("dictation_silence_ms must lie between silence_ms and ceiling_ms")
        thresholds = (self.complete_probability, *self.thresholds.values())
        if self.incomplete_probability >= min(thresholds):
            raise ValueError("incomplete_probability must be below every threshold")
        return self

    @model_validator(mode="after")
    def _one_threshold_each(self) -> Self:
        for route in self.routes:
            if route.threshold not in {None, self.thresholds.get(route.variant)}:
                raise ValueError(f"the routes give {route.variant!r} two thresholds")
        return self


def _split_words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _split_routes(text: str) -> tuple[dict[str, str], ...]:
    """Return the fields of ``agent=party:agent,language:en;general=`` and the like."""
    routes = []
    for part in text.split(";"):
        if not part.strip():
            continue
        variant, equals, conditions = part.partition("=")
        pairs = [pair.partition(":") for pair in conditions.split(",") if pair.strip()]
        if not equals or not all(colon for _, colon, _ in pairs):
            raise ValueError(f"a route is VARIANT=FIELD:VALUE,.., not {part.strip()!r}")
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        routes.append({"variant": variant.strip(), **fields})
    return tuple(routes)


class StallSettings(_Part):
    """When a call without audio is closed.

    Attributes:
        stall_after_s: Time without audio after which segments and turns close.
        stale_after_s: Time without audio after which the call ends; longer than any gateway spools.
        stale_on_hold_after_s: The same while the call is on hold, which explains its silence.
    """

    stall_after_s: float = Field(default=15.0, gt=0)
    stale_after_s: float = Field(default=600.0, gt=0)
    stale_on_hold_after_s: float = Field(default=14_400.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.stale_after_s <= self.stall_after_s:
            raise ValueError("stale_after_s must be longer than stall_after_s")
        if self.stale_on_hold_after_s < self.stale_after_s:
            raise ValueError("stale_on_hold_after_s must not be shorter than stale_after_s")
        return self


class OverloadSettings(_Part):
    """What a worker does when it falls behind.

    Attributes:
        max_pending_final_audio_s: Reading stops while finals of more audio are unfinished.
        no_partials_behind_s: Input that is read so long after it came leads to no partials.
        max_final_s: A final that the model works on for longer, or a step of the state machines on
            their thread (the VAD is one), ends the process.
        max_open_calls: Input of further calls is refused while a process holds so many; one that
            sent no more than a chunk costs 40 KiB, so that a gateway that makes up an id for
            every chunk cannot use up the memory.
    """

    max_pending_final_audio_s: float = Field(default=60.0, gt=0)
    no_partials_behind_s: float = Field(default=2.0, gt=0)
    max_final_s: float = Field(default=60.0, gt=0)
    max_open_calls: int = Field(default=5_000, ge=1)


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
        max_silence_s: An agent whose event loop stands still for so long is killed and started
            again. Twice the session timeout by default: its partitions are with others by then,
            and no pause for memory or for a model's run takes as long.
        max_start_s: The same before an agent is ready, when it loads its models.
    """

    id: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$", max_length=200)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_silence_s: float = Field(default=20.0, ge=3.0)
    max_start_s: float = Field(default=600.0, ge=3.0)


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

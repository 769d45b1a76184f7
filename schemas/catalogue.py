"""The one table of topics: what is on each, in which form, and how it is kept.

The names are ours; a prefix may stand before them on the brokers (`kafka.topic_prefix`).

Everything else about a topic follows from its row: which message goes where, how it is written and
read, which JSON Schemas are exported, what the brokers are asked for, and for how long a closed
call is remembered. A new message is a row's: put its type into `TopicSpec.messages`.

All topics have the same number of partitions, which is a setting (`kafka.partitions`). A message
stands in the partition of its key, a checkpoint in that of its agent's input.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from schemas.audio import AudioMessage, AudioTopicMessage, CallEnded, CallStalled
from schemas.base import MAX_MESSAGE_BYTES
from schemas.classification import CallClassified, LabelCorrected
from schemas.codec import decode_audio, decode_json, encode_audio, encode_json
from schemas.errors import MalformedMessageError
from schemas.insights import CallInsights
from schemas.operations import Alert, Checkpoint
from schemas.transcripts import TranscriptTopicMessage
from schemas.turns import FinalizedTopicMessage, TurnTopicMessage

AUDIO = "calls.audio.v1"
TRANSCRIPTS = "calls.transcripts.v1"
TURNS = "calls.turns.v1"
FINALIZED = "calls.finalized.v1"
CLASSIFICATIONS = "calls.classifications.v1"
MODERATION = "calls.moderation.v1"
INSIGHTS = "calls.insights.v1"
ALERTS = "calls.alerts.v1"
FEEDBACK = "calls.feedback.v1"
CHECKPOINTS = "calls.checkpoints.v1"
DEAD_LETTERS = "calls.dead_letters.v1"

AS_PRODUCED = "producer"  # the brokers leave batches as they come: a setting of the producer
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MINUTE_MS = 60_000
SEGMENTS_KEPT = 8  # of a topic's retention: a message outlives it by one segment at most
CLOSE_CALL_MS = HOUR_MS  # brokers look for what is to be deleted every few minutes
LATE_WRITER_MS = DAY_MS  # a frozen worker may write this long after its successor took over
# No closed call is remembered longer, whatever its input keeps: a takeover reads the memory of all
# agents. It covers every input of up to seven days; of a longer one it covers all that is written
# or read twice after a crash. What is read again later still, the agent answers under the same ids
LONGEST_MEMORY_MS = 7 * DAY_MS + 7 * DAY_MS // SEGMENTS_KEPT + CLOSE_CALL_MS
# The checkpoints of open calls are written every second and cleaned every few minutes: the brokers
# never clean the segment that is written, and by default only once half of the log is new
COMPACTION = {
    "segment.ms": str(10 * MINUTE_MS),
    "segment.bytes": str(64 * 1024 * 1024),
    "min.compaction.lag.ms": str(MINUTE_MS),
    "max.compaction.lag.ms": str(10 * MINUTE_MS),
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": str(HOUR_MS),  # a reader sees a tombstone or what it deletes, never half
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    Attributes:
        value_format: ``msgpack`` is the audio topic's, ``bytes`` holds messages of any topic.
        retention_ms: How long messages are kept.
        messages: Their type, a struct or a union of structs; None where no agent writes to it yet.
        written_by: Agents or programs.
        writers: Of messages that others write.
        is_input: Agents with checkpoints read it, so that its closed calls are remembered.
        is_compacted: Of what is older than some minutes, only the last message of each key is kept.
        key: What the key of a message is made of.
    """

    name: str
    value_format: Literal["msgpack", "json", "bytes"]
    retention_ms: int
    messages: Any = None
    written_by: str = ""
    writers: Mapping[type[msgspec.Struct], str] = field(default_factory=dict)
    is_input: bool = False
    is_compacted: bool = False
    key: str = "call_id"

    @property
    def types(self) -> tuple[type[msgspec.Struct], ...]:
        """The types of its messages."""
        return get_args(self.messages) or (() if self.messages is None else (self.messages,))

    def writer_of(self, kind: type[msgspec.Struct]) -> str:
        """Return who writes messages of a type."""
        return self.writers.get(kind, self.written_by)

    def encode(self, message: msgspec.Struct) -> bytes:
        """Return the bytes of a message of the topic."""
        return encode_audio(message) if isinstance(message, AudioMessage) else encode_json(message)

    def decode(self, data: bytes) -> Any:
        """Return the message of the topic that ``data`` holds.

        Raises:
            MalformedMessageError: It holds no message of the topic.
        """
        if self.value_format == "msgpack":
            return decode_audio(data)
        if self.messages is None:
            raise MalformedMessageError(f"{self.name} has no messages of its own")
        return decode_json(data, self.messages)

    @property
    def config(self) -> dict[str, str]:
        """The broker-side settings of the topic."""
        settings = {
            "cleanup.policy": "compact,delete" if self.is_compacted else "delete",
            "retention.ms": str(self.retention_ms),
            "segment.ms": str(self.segment_ms),
            "compression.type": AS_PRODUCED,
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "message.timestamp.type": "LogAppendTime",  # the clock of a gateway may be hours off
        }
        if self.is_compacted:
            settings |= COMPACTION
        return settings

    @property
    def segment_ms(self) -> int:
        """For how long the brokers write one file: they delete whole files."""
        return self.retention_ms // SEGMENTS_KEPT

    @property
    def kept_ms(self) -> int:
        """The age at which no message can be read any more."""
        return self.retention_ms + self.segment_ms + CLOSE_CALL_MS

    @property
    def remembered_ms(self) -> int:
        """How long a closed call of an agent that reads the topic is remembered."""
        return min(self.kept_ms, LONGEST_MEMORY_MS)


GATEWAYS = "gateways and `callstream replay`"
AUDIO_WRITERS: dict[type[msgspec.Struct], str] = {
    CallStalled: "`transcribe`",
    CallEnded: f"{GATEWAYS}; `transcribe` with the reason `stale`",
}
LABELLERS = "`classify`, `classify_live`, `callstream backfill classify`"
ANALYSTS = "`analyze`, `analyze_live`, `callstream backfill analyze`"
TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(
        AUDIO, "msgpack", 2 * DAY_MS, AudioTopicMessage, GATEWAYS, AUDIO_WRITERS, is_input=True
    ),
    TopicSpec(
        TRANSCRIPTS, "json", 7 * DAY_MS, TranscriptTopicMessage, "`transcribe`", is_input=True
    ),
    TopicSpec(TURNS, "json", 7 * DAY_MS, TurnTopicMessage, "`detect_turns`", is_input=True),
    TopicSpec(FINALIZED, "json", 30 * DAY_MS, FinalizedTopicMessage, "`finalize`", is_input=True),
    TopicSpec(CLASSIFICATIONS, "json", 30 * DAY_MS, CallClassified, LABELLERS),
    TopicSpec(MODERATION, "json", 30 * DAY_MS),
    TopicSpec(INSIGHTS, "json", 30 * DAY_MS, CallInsights, ANALYSTS),
    TopicSpec(ALERTS, "json", 30 * DAY_MS, Alert, "every agent"),
    TopicSpec(FEEDBACK, "json", 365 * DAY_MS, LabelCorrected, "API, command line"),
    TopicSpec(
        CHECKPOINTS,
        "json",
        LONGEST_MEMORY_MS + LATE_WRITER_MS,
        Checkpoint,
        "every agent, for itself alone",
        is_compacted=True,
        key="agent:call_id:writer",
    ),
    TopicSpec(DEAD_LETTERS, "bytes", 14 * DAY_MS, written_by="every agent"),
)
NAMES = tuple(spec.name for spec in TOPICS)
_BY_NAME = {spec.name: spec for spec in TOPICS}
_BY_TYPE = {message_type: spec for spec in TOPICS for message_type in spec.types}
MESSAGE_TYPES = tuple(_BY_TYPE)


def spec_of(name: str) -> TopicSpec:
    """Return the row of a topic."""
    return _BY_NAME[name]


def spec_of_type(message_type: type[msgspec.Struct]) -> TopicSpec:
    """Return the row of the topic on which messages of a type travel."""
    return _BY_TYPE[message_type]


def inputs() -> Iterator[TopicSpec]:
    """Yield the topics that agents with checkpoints read."""
    return (spec for spec in TOPICS if spec.is_input)


def topic_of(message: msgspec.Struct) -> str:
    """Return the name of the topic on which messages of this type travel."""
    return _BY_TYPE[type(message)].name


def encode(message: msgspec.Struct) -> bytes:
    """Return the bytes of a message as its topic carries them."""
    return _BY_TYPE[type(message)].encode(message)


def decode(name: str, data: bytes) -> Any:
    """Return the message in the bytes of a topic.

    Raises:
        MalformedMessageError: They hold no message of this topic.
    """
    return _BY_NAME[name].decode(data)

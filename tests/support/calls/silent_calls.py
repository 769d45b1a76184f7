"""A partition in virtual time: gateways that fall silent, a worker that lags, restarts.

This is what the transport does with Kafka, in a few lines of plain Python around the real
`StallMarker`, so that a test can tell from the log alone which marker was due.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP, Message

from schemas.audio import CallEnded, CallStalled
from schemas.catalogue import AUDIO
from schemas.codec import decode_audio
from schemas.operations import Checkpoint
from stream_app.agents.definition import AgentDefinition, StallPolicy
from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.memory.checkpoints import SavedCalls
from stream_app.runtime.memory.feeds import Feed
from stream_app.runtime.memory.partitions import Partitions
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.output.dead_letters import Record
from stream_app.runtime.stalls import StallMarker
from stream_app.transport.acknowledgements import AckTracker
from stream_app.transport.log_clock import LogClock

TP0 = TP(AUDIO, 0)
NS = 1_000_000_000
SAVED_EVERY = 5  # chunks of a call between two of its checkpoints
UNIX_S = 1_800_000_000.0  # wall clock when the monotonic one says 0


@dataclass(frozen=True)
class Entry:
    """A message on the log.

    Attributes:
        at_s: When it came there.
        timestamp_s: What its timestamp says.
        kind: ``chunk``, ``held``, ``resumed``, ``stall`` or ``stale``.
        seq: Of the chunk, or of the one before a marker.
    """

    at_s: float
    timestamp_s: float
    call_id: str
    kind: str
    seq: int = -1


class FakeCall:
    """What transcribe makes of a call, as far as its silence goes."""

    def __init__(
        self, call_id: str, last_seq: int = -1, stalled: int = -1, *, is_on_hold: bool = False
    ) -> None:
        self.call_id = call_id
        self.last_seq = last_seq
        self.chunks_taken = 0
        self.stalled = stalled
        self.is_on_hold = is_on_hold
        self.ended: EndedCall | None = None

    def take(self, entry: Entry) -> bool:
        """Return whether that leads to a checkpoint that acknowledges everything so far."""
        if entry.kind == "chunk":
            self.chunks_taken += entry.seq > self.last_seq
            self.last_seq = max(self.last_seq, entry.seq)
            return self.last_seq % SAVED_EVERY == SAVED_EVERY - 1
        if entry.kind in {"held", "resumed"}:
            self.is_on_hold = entry.kind == "held"
            return True
        if entry.seq == self.last_seq:
            self.stalled = entry.seq
            self.ended = EndedCall(entry.seq) if entry.kind == "stale" else None
        return entry.seq == self.last_seq


def marker_of(call: FakeCall, stage: str) -> CallStalled | CallEnded | None:
    """Return the marker as transcribe would."""
    if stage == "stall":
        if call.stalled == call.last_seq:
            return None
        return CallStalled(
            event_id="", call_id=call.call_id, captured_at_ns=0, after_seq=call.last_seq
        )
    return CallEnded(
        event_id="", call_id=call.call_id, captured_at_ns=0, reason="stale", after_seq=call.last_seq
    )


@dataclass
class Partition:
    """The log, with what is durable beside it."""

    policy: StallPolicy
    timestamp_type: int = 1
    now_s: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    saved: dict[str, tuple[Checkpoint, int]] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)
    markers: list[tuple[Entry, float]] = field(default_factory=list)

    def append(self, call_id: str, kind: str, seq: int = -1, *, skew_s: float = 0.0) -> None:
        """Put a message on the log."""
        skewed_s = 0.0 if self.timestamp_type == 1 else skew_s
        entry = Entry(self.now_s, UNIX_S + self.now_s + skewed_s, call_id, kind, seq)
        self.entries.append(entry)

    def last_chunk_s(self, call_id: str, seq: int) -> float:
        """Return when a chunk came to the log."""
        times = [
            e.at_s for e in self.entries if (e.call_id, e.kind, e.seq) == (call_id, "chunk", seq)
        ]
        return times[-1]

    def start(self) -> "SilenceWorker":
        """Return a fresh worker that takes the partition up."""
        return SilenceWorker(self)


class FakePartitions(Partitions):
    """One partition, loaded."""

    def __init__(self, session: PartitionSession) -> None:
        self._session = session

    @property
    def is_loaded(self) -> bool:
        """The checkpoints have been read."""
        return True

    def __iter__(self) -> Any:
        """Return an iterator over the one session."""
        return iter([self._session])


class SilenceWorker:
    """A process that reads the partition from what is committed on."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.clock = LogClock()
        self.session = PartitionSession(TP0, 1, lambda _: None)
        self._restore()
        self.read = self._watermark()
        self.session.last_offset = self.session.fed_offset = self.read - 1
        self._tracker = AckTracker(self.read)
        definition = AgentDefinition(
            name="toy", input_topic=AUDIO, decode=bytes, create=self._create, restore=self._create,
            stalls=partition.policy,
        )  # fmt: skip
        shell: Any = self
        self.marker = StallMarker(
            definition, FakePartitions(self.session), shell, shell,
            wall_s=lambda: UNIX_S + partition.now_s,
        )  # fmt: skip

    # What a worker does

    def fetch(self) -> None:
        """Learn where the log ends."""
        self.clock.note(len(self.partition.entries), int(self.partition.now_s * NS))

    def feed(self, most: int) -> None:
        """Feed at most this many messages, up to the end that was last seen."""
        sightings = self.clock._sightings
        end = min(self.read + most, sightings[-1].end if sightings else 0)
        self.marker.take_up([self.session], self.partition.now_s)
        feeds = [self._feed(offset) for offset in range(self.read, end)]
        self.read = max(self.read, end)
        self.session.fed_offset = self.session.last_offset
        self.marker.hear(feeds, self.partition.now_s)

    def look(self) -> None:
        """Do what the watchdog does every second."""
        self.marker.look(self.partition.now_s)

    # What the stall marker needs of the consumer and of the outbox

    def note_ends(self) -> None:
        """Do nothing: the test fetches."""

    async def log_begin(self, _: TP) -> int | None:
        """Return where the log begins: nothing expired."""
        return 0

    def log_clock(self, _: TP) -> LogClock:
        """Return the clock of the log."""
        return self.clock

    def tracker(self, _: TP) -> AckTracker:
        """Return what was delivered."""
        return self._tracker

    def handed_on(self, _: TP) -> int:
        """Return what was handed on."""
        return self.read

    def append_marker(self, session: PartitionSession, call_id: str, record: Record) -> None:
        """Put the marker on the log."""
        assert record.value is not None
        assert session.is_current
        marker: Any = decode_audio(record.value)
        kind = "stall" if isinstance(marker, CallStalled) else "stale"
        self.partition.append(call_id, kind, marker.after_seq)
        self.partition.markers.append((self.partition.entries[-1], self.partition.now_s))

    def _feed(self, offset: int) -> Feed:
        entry = self.partition.entries[offset]
        now_ns = int(self.partition.now_s * NS)
        message = Message(
            AUDIO, 0, offset, entry.timestamp_s, self.partition.timestamp_type, [], b"c", b"v",
            None, tp=TP0,
        )  # fmt: skip
        self._tracker.deliver(offset)
        self.session.keep(message)
        arrived_ns = self.clock.arrived_ns(offset, now_ns)
        if entry.call_id not in self.partition.closed:
            call: Any = self.session.machines.setdefault(entry.call_id, self._create(entry.call_id))
            if call.take(entry):
                self._save(call, offset)
            if call.ended is not None:
                self.partition.closed[entry.call_id] = self.partition.now_s
                self.session.close(entry.call_id)
        return Feed(self.session, entry.call_id, offset, arrived_ns=arrived_ns)

    def _create(self, call_id: Any) -> Any:
        return FakeCall(call_id)

    # What is durable

    def _save(self, call: FakeCall, offset: int) -> None:
        state = {"seq": call.last_seq, "stalled": call.stalled, "held": call.is_on_hold}
        checkpoint = Checkpoint(
            agent="toy", call_id=call.call_id, position=(call.last_seq,), is_closed=False,
            state={**state}, written_at_ns=int((UNIX_S + self.partition.now_s) * NS),
        )  # fmt: skip
        self.partition.saved[call.call_id] = (checkpoint, offset)

    def _restore(self) -> None:
        saved: Iterable[tuple[str, tuple[Checkpoint, int]]] = self.partition.saved.items()
        open_calls = SavedCalls()
        for name, (checkpoint, _) in saved:
            if name not in self.partition.closed:
                written_ms = checkpoint.written_at_ns // 1_000_000
                open_calls.merge(checkpoint, f"toy:{name}:w".encode(), written_ms)
        self.session.restore(open_calls, _restored)

    def _watermark(self) -> int:
        """Return the first message that is not acknowledged."""
        for offset, entry in enumerate(self.partition.entries):
            _, saved = self.partition.saved.get(entry.call_id, (None, -1))
            if offset > saved and entry.call_id not in self.partition.closed:
                return offset
        return len(self.partition.entries)


def _restored(checkpoint: Checkpoint) -> Any:
    state: dict[str, Any] = dict(checkpoint.state)
    return FakeCall(
        checkpoint.call_id, state["seq"], state["stalled"], is_on_hold=bool(state["held"])
    )

"""Watch over silent calls: appends a marker to the log for a call without audio."""

import heapq
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog

from schemas.catalogue import encode
from stream_app.agents.definition import AgentDefinition, SilenceStage, StallPolicy, WatchedCall
from stream_app.runtime.memory.feeds import Feed
from stream_app.runtime.memory.partitions import Consumer, Partitions
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.output.dead_letters import Record
from stream_app.runtime.output.outbox import Outbox

NS = 1_000_000_000
MAX_MARKERS = 256  # of one look: a gateway with thousands of calls may die
LOG_APPEND_TIME = 1  # Kafka's number for timestamps that the brokers give

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Silence:
    """When a call was last heard of.

    Attributes:
        fed_s: When its last chunk was fed.
        heard_s: When that, or the begin or end of a hold, came to the log.
        queued_s: When the call is looked at again; later entries of the queue are void.
    """

    chunks_taken: int
    is_on_hold: bool
    fed_s: float
    heard_s: float
    queued_s: float = math.inf


class StallWatch:
    """The calls of one partition and since when each is silent, all by one monotonic clock.

    What costs time is a call that is due, not one that is open: calls that speak stand in the
    order of their last chunks, calls that stalled in a heap.
    """

    def __init__(self, policy: StallPolicy) -> None:
        self._policy = policy
        self._speaking: OrderedDict[str, _Silence] = OrderedDict()
        self._stalled: dict[str, _Silence] = {}
        self._queue: list[tuple[float, str]] = []

    def __len__(self) -> int:
        """Return how many calls are watched."""
        return len(self._speaking) + len(self._stalled)

    def heard_s(self, call_id: str) -> float | None:
        """Return when a call was last heard of, None if it never was."""
        silence = self._speaking.get(call_id) or self._stalled.get(call_id)
        return silence.heard_s if silence is not None else None

    def hear(self, call_id: str, call: WatchedCall, *, fed_s: float, heard_s: float) -> None:
        """Take in what a call is after a message of it was fed.

        Args:
            call_id: Of the call.
            call: Another last chunk or a change of the hold counts, nothing else does.
            fed_s: Now; never earlier than before, and the same for what was fed together.
            heard_s: When the message came to the log.
        """
        silence = self._speaking.get(call_id) or self._stalled.get(call_id)
        if silence is None or silence.chunks_taken != call.chunks_taken:
            self._stalled.pop(call_id, None)
            self._speaking[call_id] = _Silence(call.chunks_taken, call.is_on_hold, fed_s, heard_s)
            self._speaking.move_to_end(call_id)
        elif silence.is_on_hold != call.is_on_hold or silence.fed_s == fed_s:
            silence.is_on_hold = call.is_on_hold
            silence.heard_s = max(silence.heard_s, heard_s)
            if call_id in self._stalled:
                self._enqueue(call_id, silence)

    def due(self, through_s: float) -> Iterator[tuple[str, SilenceStage]]:
        """Yield the calls that have reached a stage, each stage once for each last chunk.

        A call that was yielded as stale and is still open is yielded again after the same time.

        Args:
            through_s: Everything that was on the log at this time has been fed.
        """
        while self._speaking:
            call_id, silence = next(iter(self._speaking.items()))
            if silence.fed_s + self._policy.stall_after_s > through_s:
                break
            self._stalled[call_id] = self._speaking.pop(call_id)
            self._enqueue(call_id, silence)
            yield call_id, "stall"
        while self._queue and self._queue[0][0] <= through_s:
            queued_s, call_id = heapq.heappop(self._queue)
            stalled = self._stalled.get(call_id)
            if stalled is not None and stalled.queued_s == queued_s:
                stalled.heard_s = through_s
                self._enqueue(call_id, stalled)
                yield call_id, "stale"

    def forget(self, call_id: str) -> None:
        """Watch over a call no longer."""
        self._speaking.pop(call_id, None)
        self._stalled.pop(call_id, None)

    def _enqueue(self, call_id: str, silence: _Silence) -> None:
        policy = self._policy
        limit_s = policy.stale_on_hold_after_s if silence.is_on_hold else policy.stale_after_s
        silence.queued_s = silence.heard_s + limit_s
        heapq.heappush(self._queue, (silence.queued_s, call_id))


class StallMarker:
    """Looks after the silent calls of all partitions of a worker.

    It changes no state of a call: it appends to the input, and the marker does when it is read.
    A call is silent only as far as its partition has been read: a worker that is behind finds the
    audio that stands unread in the log before it counts the time until then.

    Args:
        wall_s: The wall clock; what timestamps are compared with.
    """

    def __init__(
        self,
        definition: AgentDefinition,
        partitions: Partitions,
        consumer: Consumer,
        outbox: Outbox,
        *,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._topic = definition.input_topic
        self._policy = definition.stalls
        self._partitions = partitions
        self._consumer = consumer
        self._outbox = outbox
        self._wall_s = wall_s
        self._watches: dict[PartitionSession, StallWatch] = {}

    def take_up(self, sessions: Iterable[PartitionSession], now_s: float) -> None:
        """Begin to watch the calls restored in these sessions; before they are fed anything."""
        for session in sessions:
            if session in self._watches or self._policy is None:
                continue
            watch = self._watches[session] = StallWatch(self._policy)
            for call_id, written_ms in session.restored_at_ms.items():
                heard_s = self._monotonic_s(written_ms / 1000, now_s)
                machine: Any = session.machines[call_id]
                watch.hear(call_id, machine, fed_s=now_s, heard_s=heard_s)

    def hear(self, feeds: Iterable[Feed], now_s: float) -> None:
        """Take in what was fed at ``now_s`` of the monotonic clock."""
        for feed in feeds:
            machine: Any = feed.session.machines.get(feed.call_id)
            watch = self._watches.get(feed.session)
            if machine is not None and watch is not None:
                heard_s = self._heard_s(feed, watch, now_s)
                watch.hear(feed.call_id, machine, fed_s=now_s, heard_s=heard_s)

    def look(self, now_s: float) -> None:
        """Append what is due at ``now_s`` of the monotonic clock."""
        if self._policy is None or not self._partitions.is_loaded:
            return
        self._consumer.note_ends()
        held = set(self._partitions)
        self._watches = {s: watch for s, watch in self._watches.items() if s in held}
        self.take_up(held, now_s)
        room = MAX_MARKERS
        for session, watch in self._watches.items():
            through_ns = self._partitions.read_through_ns(session, self._consumer)
            due = watch.due(through_ns / NS) if through_ns is not None else ()
            for call_id, stage in islice(due, room):
                room -= 1
                if call_id in session.machines:
                    self._append(session, call_id, stage, self._policy)
                else:
                    watch.forget(call_id)

    def _append(
        self, session: PartitionSession, call_id: str, stage: SilenceStage, policy: StallPolicy
    ) -> None:
        marker = policy.marker(session.machines[call_id], stage)
        if marker is None:
            return
        key, value = call_id.encode(), encode(marker)
        record = Record(self._topic, key, value, partition=session.partition)
        self._outbox.append_marker(session, call_id, record)
        log.info("call.fell_silent", call_id=call_id, stage=stage)

    def _heard_s(self, feed: Feed, watch: StallWatch, now_s: float) -> float:
        """Return when a message came to the log.

        Of what came since this worker reads the partition, its own clock tells. Of what was there
        before, the timestamp does, if the brokers gave it. That of a producer whose clock may be
        hours off counts only from the call's last checkpoint on, and never where there is none.
        """
        if not self._consumer.log_clock(feed.session.tp).is_backlog(feed.offset):
            return feed.arrived_ns / NS
        message = feed.session.message(feed.offset)
        known_s = watch.heard_s(feed.call_id)
        if message is None or not message.timestamp:
            return now_s if known_s is None else known_s
        told_s = self._monotonic_s(message.timestamp, now_s)
        if message.timestamp_type == LOG_APPEND_TIME:
            return told_s
        return now_s if known_s is None else max(known_s, told_s)

    def _monotonic_s(self, unix_s: float, now_s: float) -> float:
        """Return a time of the wall clock as one of the monotonic clock, not later than now."""
        return now_s - max(0.0, self._wall_s() - unix_s)

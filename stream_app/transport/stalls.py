"""Append a marker to the log when a call has been without audio for too long."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog
from faust.types import TP

from stream_app.topics import encode
from stream_app.transport.dead_letters import Record
from stream_app.transport.definitions import AgentDefinition, Stage, StallPolicy
from stream_app.transport.metrics import Metrics
from stream_app.transport.outbox import Outbox
from stream_app.transport.partitions import Consumer, Partitions
from stream_app.transport.sessions import PartitionSession

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Silence:
    last_seq: int
    since_s: float
    stages: tuple[Stage, ...] = ()


class StallWatch:
    """Watches the calls of one partition by a monotonic clock.

    Each stage is due once for each last chunk: audio that comes later starts the count afresh.
    """

    def __init__(self, stall_after_s: float, stale_after_s: float) -> None:
        self._limits: tuple[tuple[Stage, float], ...] = (
            ("stall", stall_after_s),
            ("stale", stale_after_s),
        )
        self._silences: dict[str, _Silence] = {}

    def due(self, call_id: str, last_seq: int, now_s: float) -> Stage | None:
        """Return the stage that a call has reached and was not told of yet."""
        silence = self._silences.get(call_id)
        if silence is None or silence.last_seq != last_seq:
            self._silences[call_id] = _Silence(last_seq, now_s)
            return None
        for stage, limit_s in self._limits:
            if stage not in silence.stages and now_s - silence.since_s >= limit_s:
                silence.stages = (*silence.stages, stage)
                return stage
        return None

    def keep_only(self, call_ids: Collection[str]) -> None:
        """Forget the calls that are not among these."""
        for call_id in [known for known in self._silences if known not in call_ids]:
            del self._silences[call_id]


class StallMarker:
    """Looks at the open calls of partitions that are read to their end.

    It changes no state of a call: it appends to the input, and the marker does when it is read.
    """

    def __init__(
        self,
        definition: AgentDefinition,
        partitions: Partitions,
        consumer: Consumer,
        outbox: Outbox,
        metrics: Metrics,
    ) -> None:
        self._topic = definition.input_topic
        self._policy = definition.stalls
        self._partitions = partitions
        self._consumer = consumer
        self._outbox = outbox
        self._metrics = metrics
        self._watches: dict[PartitionSession, StallWatch] = {}
        self._positions: dict[TP, int] = {}

    def look(self, now_s: float) -> None:
        """Append what is due at ``now_s`` of a monotonic clock."""
        if self._policy is None or not self._partitions.is_loaded:
            return
        self._watches = {
            session: self._watches.get(session) or _watch(self._policy)
            for session in self._partitions
        }
        for session, watch in self._watches.items():
            if not self._is_read_to_the_end(session):
                continue
            watch.keep_only(session.machines.keys())
            for call_id, machine in tuple(session.machines.items()):
                stage = watch.due(call_id, machine.last_seq, now_s)  # type: ignore[attr-defined]
                if stage is not None:
                    self._append(session, call_id, stage, self._policy)

    def _append(
        self, session: PartitionSession, call_id: str, stage: Stage, policy: StallPolicy
    ) -> None:
        marker = policy.marker(session.machines[call_id], stage)
        if marker is None:
            return
        key, value = call_id.encode(), encode(marker)
        record = Record(self._topic, key, value, partition=session.partition)
        self._outbox.append(session, call_id, record)
        self._metrics.stall_markers.inc()
        log.info("call.fell_silent", call_id=call_id, stage=stage)

    def _is_read_to_the_end(self, session: PartitionSession) -> bool:
        """Return whether nothing has come since the last look, and nothing is on its way."""
        state = self._consumer.reading_states().get(session.tp)
        if state is None:
            return False
        position, end = state.position, state.end
        before = self._positions.get(session.tp)
        self._positions[session.tp] = position
        tracker = self._consumer.tracker(session.tp)
        delivered = tracker.last_delivered if tracker is not None else -1
        return position == before and position >= end and delivered <= session.last_offset


def _watch(policy: StallPolicy) -> StallWatch:
    return StallWatch(policy.stall_after_s, policy.stale_after_s)

"""Memory of one partition in one generation: its calls, its unfinished messages."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP, Message

from schemas.operations import Checkpoint
from stream_app.calls.effects import CallMachine, Commit
from stream_app.calls.ended_call import EndedCall
from stream_app.transport.closed_calls import ClosedCalls

NS_PER_MS = 1_000_000

Machine = CallMachine[Any, Any]


@dataclass(slots=True)
class Lane:
    """What is under way for one call.

    Attributes:
        outputs: Messages on their way that must be durable before the next commit.
        commits: Commits whose earlier outputs have all been sent.
    """

    session: "PartitionSession"
    call_id: str
    outputs: "set[asyncio.Future[Any]]" = field(default_factory=set)
    commits: deque[Commit] = field(default_factory=deque)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self.outputs and not self.commits


class PartitionSession:
    """The memory of one partition in one generation; dropped as a whole.

    Args:
        tp: Topic and partition.
        generation: Of this process, see the consumer.
        acknowledge: Takes a message whose effects are durable.
        closed: Takes the calls that close; a memory of its own by default.

    Attributes:
        last_offset: Of the last message taken, -1 before the first.
        fed_offset: Up to this one the machines have been fed.
        restored_at_ms: When the checkpoint was written (Unix, ms) of each call restored from one.
    """

    def __init__(
        self,
        tp: TP,
        generation: int,
        acknowledge: Callable[[Message], Any],
        closed: ClosedCalls | None = None,
    ) -> None:
        self.tp = tp
        self.generation = generation
        self.is_current = True
        self.last_offset = -1
        self.fed_offset = -1
        self.first_offsets: dict[str, int] = {}
        self.machines: dict[str, Machine] = {}
        self.restored_at_ms: dict[str, int] = {}
        self._acknowledge = acknowledge
        self._messages: dict[int, Message] = {}
        self._lanes: dict[str, Lane] = {}
        self._closed = closed or ClosedCalls()

    @property
    def partition(self) -> int:
        """Number of the partition."""
        number: int = self.tp.partition
        return number

    def restore(
        self, checkpoints: Iterable[Checkpoint], restore: Callable[[Checkpoint], Machine]
    ) -> None:
        """Take up the calls of the checkpoints: machines of the open ones, ends of the closed."""
        for checkpoint in sorted(checkpoints, key=lambda each: each.written_at_ns):
            if checkpoint.is_closed:
                ended = EndedCall.from_state(checkpoint.state)
                at_ms = checkpoint.written_at_ns // NS_PER_MS
                self._closed.add(checkpoint.call_id, ended, at_ms)
                continue
            self.machines[checkpoint.call_id] = restore(checkpoint)
            self.restored_at_ms[checkpoint.call_id] = checkpoint.written_at_ns // NS_PER_MS
            first = checkpoint.state.get("first_offset")
            if isinstance(first, int):
                self.first_offsets[checkpoint.call_id] = first

    def machine(self, call_id: str, create: Callable[[str], Machine]) -> Machine:
        """Return the machine of a call that is not closed, whether open or new."""
        machine = self.machines.get(call_id)
        if machine is None:
            machine = self.machines[call_id] = create(call_id)
        return machine

    def close(self, call_id: str) -> bool:
        """Return whether the call was open; of its machine only the end stays."""
        machine = self.machines.pop(call_id, None)
        if machine is None:
            return False
        self.restored_at_ms.pop(call_id, None)
        assert machine.ended is not None  # noqa: S101 -- or it would not be closed
        self._closed.add(call_id, machine.ended)
        return True

    def ended(self, call_id: str) -> EndedCall | None:
        """Return where a closed call ended, None for any other."""
        return self._closed.get(call_id)

    def keep(self, message: Message) -> None:
        """Hold a message until it is acknowledged."""
        self._messages[message.offset] = message
        self.last_offset = message.offset

    def message(self, offset: int) -> Message | None:
        """Return a message that is not acknowledged yet."""
        return self._messages.get(offset)

    @property
    def unacknowledged(self) -> int:
        """How many messages are not acknowledged."""
        return len(self._messages)

    @property
    def oldest_message(self) -> Message | None:
        """The first message that is not acknowledged."""
        return next(iter(self._messages.values()), None)

    def acknowledge(self, offsets: Iterable[int]) -> None:
        """Acknowledge messages, unless this memory was dropped meanwhile."""
        if not self.is_current:
            return
        for offset in offsets:
            message = self._messages.pop(offset, None)
            if message is not None:
                self._acknowledge(message)

    def lane(self, call_id: str) -> Lane:
        """Return what is under way for a call."""
        lane = self._lanes.get(call_id)
        if lane is None:
            lane = self._lanes[call_id] = Lane(self, call_id)
        return lane

    def release(self, lane: Lane) -> None:
        """Forget a lane on which nothing is under way."""
        if lane.is_idle and self._lanes.get(lane.call_id) is lane:
            del self._lanes[lane.call_id]

    def drop(self) -> None:
        """Forget everything; what is in flight for this memory is void."""
        self.is_current = False
        self.machines.clear()
        self.first_offsets.clear()
        self.restored_at_ms.clear()
        self._messages.clear()
        self._lanes.clear()
        self._closed.clear()

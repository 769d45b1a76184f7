"""Memory of one partition in one generation: its calls, its unfinished messages."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog
from faust.types import TP, Message

from schemas.errors import CallstreamError
from schemas.operations import Checkpoint
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.effects import Commit
from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.memory.checkpoints import SavedCalls
from stream_app.runtime.memory.closed_calls import ClosedCalls

# What a state that holds anything may lead to in the code that takes it up
UNUSABLE = (CallstreamError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

MAX_DONE_KEYS = 1_024  # of calls all of whose messages are acknowledged

log = structlog.get_logger(__name__)

Machine = CallMachine[Any, Any]


@dataclass(slots=True)
class Unsettled:
    """What is under way for one call.

    Attributes:
        outputs: Messages on their way that must be durable before the next commit.
        commits: Commits whose earlier outputs have all been sent.
        due_s: When they are to be settled, by a monotonic clock; 0 for at once.
    """

    session: "PartitionSession"
    call_id: str
    outputs: "set[asyncio.Future[Any]]" = field(default_factory=set)
    commits: deque[Commit] = field(default_factory=deque)
    due_s: float = 0.0
    _has_checkpoint: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self.outputs and not self.commits

    def commit(self, commit: Commit, due_s: float) -> None:
        """Take in a commit; a checkpoint waits, with all others, until ``due_s``.

        The end of a call does not, nor does what follows outputs: after a crash they would be made
        anew, by another version of a model perhaps.
        """
        checkpoint = commit.checkpoint
        if checkpoint is not None:
            own_due_s = 0.0 if checkpoint.is_closed or self.outputs else due_s
            self.due_s = min(self.due_s, own_due_s) if self._has_checkpoint else own_due_s
            self._has_checkpoint = True
        self.commits.append(commit)

    def settle(self) -> "Settlement":
        """Return what is to be settled now; nothing of it is left to be settled."""
        settlement = Settlement(self, tuple(self.commits), tuple(self.outputs))
        self.commits.clear()
        self.due_s, self._has_checkpoint = 0.0, False
        return settlement


@dataclass(frozen=True, slots=True)
class Settlement:
    """Commits of a call that are settled together."""

    unsettled: Unsettled
    commits: tuple[Commit, ...]
    outputs: "tuple[asyncio.Future[Any], ...]"

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The last checkpoint, which holds the others."""
        found = (commit.checkpoint for commit in reversed(self.commits))
        return next((checkpoint for checkpoint in found if checkpoint is not None), None)

    @property
    def is_closing(self) -> bool:
        """Whether the call closes."""
        return self.checkpoint is not None and self.checkpoint.is_closed


class PartitionSession:
    """The memory of one partition in one generation; dropped as a whole.

    Args:
        tp: Topic and partition.
        generation: Of this process, see the consumer.
        acknowledge: Takes a message whose effects are durable.
        closed: Takes the calls that close; a memory of its own by default.
        clock_s: The monotonic clock.

    Attributes:
        last_offset: Of the last message taken, -1 before the first.
        last_timestamp_s: What its timestamp says (Unix), None before the first.
        fed_offset: Up to this one the machines have been fed.
        restored_at_ms: When the checkpoint was written, by the timestamp of its record (Unix, ms),
            of each call restored from one.
        first_offsets: From which the input of open calls is to be fed again.
        stale_keys: Keys of open calls under which other processes wrote checkpoints.
    """

    def __init__(
        self,
        tp: TP,
        generation: int,
        acknowledge: Callable[[Message], Any],
        closed: ClosedCalls | None = None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tp = tp
        self.generation = generation
        self.is_current = True
        self.last_offset = -1
        self.last_timestamp_s: float | None = None
        self.fed_offset = -1
        self.first_offsets: dict[str, int] = {}
        self.machines: dict[str, Machine] = {}
        self.restored_at_ms: dict[str, int] = {}
        self.stale_keys: dict[str, frozenset[bytes]] = {}
        self._acknowledge = acknowledge
        self._clock_s = clock_s
        self._messages: dict[int, Message] = {}
        self._heard_s: dict[bytes | None, float] = {}
        self._unsettled: dict[str, Unsettled] = {}
        self._closed = ClosedCalls() if closed is None else closed
        self._fresh: dict[str, Machine] = {}

    @property
    def partition(self) -> int:
        """Number of the partition."""
        number: int = self.tp.partition
        return number

    def restore(
        self,
        saved: SavedCalls,
        restore: Callable[[Checkpoint], Machine],
        reread_from: Callable[[Checkpoint], int] | None = None,
    ) -> int:
        """Return how many calls are lost: their checkpoint is of no use, all input is refused.

        The others are taken up: machines of the open ones, ends of the closed ones.

        Args:
            saved: From the checkpoints.
            restore: See `AgentDefinition.restore`.
            reread_from: See `AgentDefinition.reread_from`.
        """
        for call_id, (ended, at_ms) in sorted(saved.closed.items(), key=lambda each: each[1][1]):
            self._closed.add(call_id, ended, at_ms)
        lost = 0
        for call_id, call in saved.open.items():
            try:
                machine = restore(call.checkpoint)
                if reread_from is not None:
                    self.first_offsets[call_id] = reread_from(call.checkpoint)
            except UNUSABLE as error:
                log.warning("checkpoint.unusable", call_id=call_id, reason=repr(error)[:200])
                self._closed.add(call_id, EndedCall.unknown())
                lost += 1
                continue
            self.machines[call_id] = machine
            self.restored_at_ms[call_id] = call.written_at_ms
            self.stale_keys[call_id] = frozenset(call.keys)
        return lost

    @property
    def open_calls(self) -> int:
        """How many calls are open, or will be if what they are fed is not refused."""
        return len(self.machines) + len(self._fresh)

    def machine(self, call_id: str) -> Machine | None:
        """Return the machine of a call that is open, or is being opened."""
        return self.machines.get(call_id) or self._fresh.get(call_id)

    def begin(self, call_id: str, machine: Machine) -> None:
        """Take the machine of a new call, which is open once it accepts a message."""
        self._fresh[call_id] = machine

    def accept(self, call_id: str) -> bool:
        """Return whether a call is open now that was not, since it took a message."""
        fresh = self._fresh.pop(call_id, None)
        if fresh is not None:
            self.machines[call_id] = fresh
        return fresh is not None

    def forget_refused(self) -> None:
        """Forget the new calls all of whose messages were refused."""
        self._fresh.clear()

    def close(self, call_id: str) -> bool:
        """Return whether the call was open; of its machine only the end stays."""
        machine = self.machines.pop(call_id, None)
        if machine is None:
            return False
        self.restored_at_ms.pop(call_id, None)
        assert machine.ended is not None
        self._closed.add(call_id, machine.ended)
        return True

    def ended(self, call_id: str) -> EndedCall | None:
        """Return where a closed call ended, None for any other."""
        return self._closed.get(call_id)

    def keep(self, message: Message) -> None:
        """Hold a message until it is acknowledged."""
        message.time_in = now_s = self._clock_s()
        self._heard_s[message.key] = now_s
        self._messages[message.offset] = message
        self.last_offset = message.offset
        self.last_timestamp_s = message.timestamp

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

    def oldest_active_s(self, idle_since_s: float) -> float | None:
        """Return when the oldest unacknowledged message of a call that is not idle was taken in.

        Args:
            idle_since_s: Calls that got nothing after that time are idle. They hold their last
                messages for as long as they are silent, and no answer is due.
        """
        if len(self._heard_s) > 2 * len(self._messages) + MAX_DONE_KEYS:
            held = (message.key for message in self._messages.values())
            self._heard_s = {key: self._heard_s[key] for key in held}
        for message in self._messages.values():
            if self._heard_s[message.key] > idle_since_s:
                taken_s: float | None = message.time_in
                return taken_s
        return None

    def acknowledge(self, offsets: Iterable[int]) -> None:
        """Acknowledge messages, unless this memory was dropped meanwhile."""
        if not self.is_current:
            return
        for offset in offsets:
            message = self._messages.pop(offset, None)
            if message is not None:
                self._acknowledge(message)

    def unsettled(self, call_id: str) -> Unsettled:
        """Return what is under way for a call."""
        unsettled = self._unsettled.get(call_id)
        if unsettled is None:
            unsettled = self._unsettled[call_id] = Unsettled(self, call_id)
        return unsettled

    def release(self, unsettled: Unsettled) -> None:
        """Forget what holds nothing that is under way."""
        if unsettled.is_idle and self._unsettled.get(unsettled.call_id) is unsettled:
            del self._unsettled[unsettled.call_id]

    def drop(self) -> None:
        """Forget everything; what is in flight for this memory is void."""
        self.is_current = False
        self.machines.clear()
        self.first_offsets.clear()
        self.restored_at_ms.clear()
        self.stale_keys.clear()
        self._messages.clear()
        self._heard_s.clear()
        self._unsettled.clear()
        self._closed.clear()
        self._fresh.clear()

"""The interface of a call's state machine."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Effect
from stream_app.calls.ended_call import EndedCall

InputT_contra = TypeVar("InputT_contra", contravariant=True)
ResultT_contra = TypeVar("ResultT_contra", contravariant=True)


class CallMachine(Protocol[InputT_contra, ResultT_contra]):
    """State machine of one call in one agent. Synchronous and deterministic.

    Its input is already decoded; ``offset`` is that of the input in its partition. Every offset
    that was fed is in exactly one Commit, now or later.
    """

    @property
    def is_closed(self) -> bool:
        """Whether the call is finished, all its effects have been returned, and none follow."""
        ...

    @property
    def ended(self) -> EndedCall | None:
        """Where the call ended, None while it goes on; all that is kept of a closed call."""
        ...

    @property
    def counters(self) -> CallCounters:
        """Counters of the call so far."""
        ...

    def feed(self, message: InputT_contra, offset: int) -> Sequence[Effect]:
        """Return the effects of one input."""
        ...

    def resolve(self, result: ResultT_contra) -> Sequence[Effect]:
        """Return the effects of an inference result; agents without inference never get one."""
        ...

"""What a call's state machine asks its shell to do, and the interface of such a machine.

The shell carries out the effects of one call in the order in which they were returned:

* `Emit`: produce the message on the topic of its type.
* `Refuse`: the input goes to the dead letters, bytes and all.
* `Commit`: once every earlier effect of this call is durable, write the checkpoint, if any, and
  once that is durable too, acknowledge the inputs.
* `Infer`: run the request on the inference thread and hand the result to `resolve`; it is not
  ordered with the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from schemas.base import Message
from schemas.operations import Checkpoint
from stream_app.calls.counters import InputCounters

if TYPE_CHECKING:
    from stream_app.calls.ended_call import EndedCall

InputT_contra = TypeVar("InputT_contra", contravariant=True)
ResultT_contra = TypeVar("ResultT_contra", contravariant=True)


class InferenceRequest(Protocol):
    """What the scheduler of the inference thread must know of a request."""

    @property
    def slot(self) -> tuple[Any, ...]:
        """Of two requests of one slot that are not urgent, only the newer one is worth running."""
        ...

    @property
    def identity(self) -> tuple[Any, ...]:
        """Tells it from every other one of its call; the same when it is asked again later on."""
        ...

    @property
    def audio_ms(self) -> int:
        """How much audio it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Emit:
    """Produce ``message``; ``is_volatile`` ones need not be durable before a commit."""

    message: Message
    is_volatile: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send the input at ``offset`` to the dead letters; the machine commits it later."""

    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class Commit:
    """Acknowledge ``offsets`` after the earlier effects and the checkpoint are durable."""

    offsets: tuple[int, ...]
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class Infer:
    """Run ``request`` on the model.

    Attributes:
        is_urgent: A final: goes before all that are not, and is never shed.
        is_kept: Not urgent, but never shed either: nothing of its slot replaces it.
    """

    request: InferenceRequest
    is_urgent: bool
    is_kept: bool = False


Effect = Emit | Refuse | Commit | Infer


class CallMachine(Protocol[InputT_contra, ResultT_contra]):
    """State machine of one call in one agent. Synchronous and deterministic.

    What comes in is already decoded; ``offset`` names the input in its partition. Every offset
    that was fed leaves in exactly one Commit, now or later.
    """

    @property
    def is_closed(self) -> bool:
        """Whether the call is finished, all its effects have been returned, and none follow."""
        ...

    @property
    def ended(self) -> "EndedCall | None":
        """Where the call ended, None while it goes on; all that is kept once it is closed."""
        ...

    @property
    def counters(self) -> InputCounters:
        """What the call set aside so far."""
        ...

    def feed(self, message: InputT_contra, offset: int) -> Sequence[Effect]:
        """Return the effects of one input."""
        ...

    def resolve(self, result: ResultT_contra) -> Sequence[Effect]:
        """Return the effects of an inference result; agents without inference never get one."""
        ...

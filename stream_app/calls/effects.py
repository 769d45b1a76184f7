"""Effects of a call: what its state machine asks the shell to do.

The shell carries out the effects of one call in the order in which they were returned:

* `Emit`: produce the message on the topic of its type.
* `Refuse`: the input goes to the dead letters, bytes and all.
* `Commit`: once every earlier effect of this call is durable, write the checkpoint, if any, and
  once that is durable too, acknowledge the inputs.
* `Tell`: log a warning about the call; it may be told again after a crash.
* `Infer`: run the request on the inference thread and hand the result to `resolve`; it is not
  ordered with the others. See `inference` for requests that fail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.base import Message
from schemas.operations import Checkpoint


class InferenceRequest(Protocol):
    """A request to a model, as the scheduler of the inference thread knows it."""

    @property
    def slot(self) -> tuple[Any, ...]:
        """Of two requests of one slot that are not urgent, only the newer one is worth running."""
        ...

    @property
    def identity(self) -> tuple[Any, ...]:
        """Unique among the requests of its call; the same when it is made again after a crash."""
        ...

    @property
    def cost(self) -> int:
        """How much of its agent's limit it takes while it is unfinished, in the agent's unit."""
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
        is_early: Behind the urgent and the first ones it goes before all others, but is shed as
            they are: it is an urgent one that may be asked for soon.
        is_first: Neither urgent nor kept; its result may be the first that is seen of something,
            so that it goes before all others that are not urgent.
        offset: Of the input that becomes a dead letter if the request fails for good; by default
            the one that is being fed.
    """

    request: InferenceRequest
    is_urgent: bool
    is_kept: bool = False
    is_early: bool = False
    is_first: bool = False
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Log that something is wrong with the call itself: with its audio, times or language.

    Attributes:
        event: Name of the log event.
        details: What else the line says.
    """

    event: str
    details: Mapping[str, str | int | float] = field(default_factory=dict)


Effect = Emit | Refuse | Commit | Tell | Infer

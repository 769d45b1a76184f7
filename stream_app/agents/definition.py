"""Definition of an agent: what the runtime has to know of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from schemas.audio import AudioMessage
from schemas.base import Message
from schemas.operations import Checkpoint
from stream_app.agents.limits import DEFAULT_LIMITS, Limits
from stream_app.agents.partial_pace import PartialPace
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.inference import Failed, FailedRequest

SilenceStage = Literal["stall", "stale"]


class WatchedCall(Protocol):
    """A call as the watch over its silence sees it."""

    @property
    def chunks_taken(self) -> int:
        """How many chunks were taken in since it was created or restored; others were dropped."""
        ...

    @property
    def is_on_hold(self) -> bool:
        """Whether a hold explains its silence."""
        ...


@dataclass(frozen=True, slots=True)
class StallPolicy:
    """When and how calls without audio are closed; see `StallSettings`.

    Attributes:
        marker: Returns what to append for a call (given its machine), or None for nothing.
    """

    stall_after_s: float
    stale_after_s: float
    stale_on_hold_after_s: float
    marker: Callable[[Any, SilenceStage], Message | AudioMessage | None]


@dataclass(frozen=True, slots=True)
class ModelChange:
    """A change of a model's files, as it was taken up or refused.

    Attributes:
        is_refused: The new files cannot be used; the old ones stay.
    """

    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class ModelWatch:
    """How an agent takes up changed files of its model.

    Attributes:
        interval_s: Time between two looks.
        look: Returns what changed since the last look, already logged; it may take long and runs
            on a thread of its own.
    """

    interval_s: float
    look: Callable[[], Sequence[ModelChange]]


@dataclass(frozen=True, slots=True)
class Stepwise:
    """A model that may take long for a request and works in steps; see `AgentDefinition.infer`.

    Attributes:
        run: Takes the requests, and what it calls between two steps of one that is not shared: the
            runtime may run other requests there, so ``run`` is called within itself, and what is
            raised ends the run.
    """

    run: Callable[[Sequence[Any], Callable[[], None]], Sequence[Any]]

    def __call__(self, requests: Sequence[Any]) -> Sequence[Any]:
        """Return the results of a run that nothing interrupts."""
        return self.run(requests, lambda: None)


@dataclass(frozen=True, slots=True)
class AgentDefinition:
    """An agent: where it reads, how it decodes, and the state machine of a call.

    Attributes:
        decode: Raises MalformedMessageError for bytes that are no message of the topic.
        infer: Called with up to ``max_batch`` requests on the one inference thread; returns for
            each the result that goes to ``resolve``, or `Failed`. If it raises, the requests are
            run one by one, and the one that raises alone has failed; see `failure_of`. One that
            is `Stepwise` may be interrupted.
        fail: Returns what goes to ``resolve`` for a request that has failed for good.
        retries: When a request whose failure may pass is run again; by the settings where None.
        max_urgent: The same for requests that are urgent: one, where the model would run them one
            by one and the first would only wait for the last.
        limits: What may be unfinished before reading waits.
        pace: Set where requests that are not urgent are to be run less often under overload.
        stalls: Set for the agent that watches over calls without audio; its machines are
            `WatchedCall`.
        has_model_in_feed: Feeding a machine runs a model (the VAD does), so that it happens on a
            thread of its own.
        prepare: Called with machines, each once, and the message that each is fed next; what it
            does may change the cost of feeding them but nothing else. Returns the CPU time of the
            model that it ran, in seconds.
        watch: Set where files of the model may change while it runs.
        reread_from: Set where checkpoints do not hold what a call took in: returns from the
            checkpoint of an open call the offset from which its input is fed again after a
            takeover; the effects are discarded.
        refuses_late: Returns whether a message that stands beyond the end of its call is refused;
            without, all such messages are dropped: an upstream agent repeats itself after a crash.
    """

    name: str
    input_topic: str
    decode: Callable[[bytes], Any]
    create: Callable[[str], CallMachine[Any, Any]]
    restore: Callable[[Checkpoint], CallMachine[Any, Any]]
    infer: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    fail: Callable[[Any, Failed], Any] = FailedRequest
    retries: RetryPolicy | None = None
    max_batch: int = 1
    max_urgent: int = 1
    limits: Limits = DEFAULT_LIMITS
    pace: PartialPace | None = None
    stalls: StallPolicy | None = None
    has_model_in_feed: bool = False
    prepare: Callable[[Iterable[tuple[Any, Any]]], float] | None = None
    watch: ModelWatch | None = None
    reread_from: Callable[[Checkpoint], int] | None = None
    refuses_late: Callable[[Any], bool] | None = None

"""One call of an agent that answers: a request to its model for each subject, and one answer.

A subject is a message that is complete in itself: the finalized call, or a turn of it. Its input is
acknowledged when the answer and the checkpoint are durable, so that a crash repeats the request and
writes the same ids. A subject that was answered is known again, from the checkpoint or as a closed
call, and dropped when it is repeated.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

import msgspec

from schemas.base import Message
from schemas.codec import from_state, to_state
from schemas.operations import Checkpoint
from schemas.turns import CallTurnsComplete, FinalizedCall, TurnEnded, TurnRevised
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall
from stream_app.calls.inference import FailedRequest

MAX_REMEMBERED = 64  # answered turns by id; older ones are known by their time
NOT_YET = -1  # an offset, or a time of the audio clock

SubjectT = TypeVar("SubjectT", bound=FinalizedCall | TurnEnded)
RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class Answering(Generic[SubjectT, RequestT, ResultT]):
    """What an agent answers, and how.

    Attributes:
        agent: Its name.
        subject: The type that it answers: `FinalizedCall`, or `TurnEnded`.
        request: Returns what the model gets for a subject, None to leave it alone. The
            second argument is the call's turns before it, if ``has_history``.
        messages: Returns the answer. Its event ids are derived from the subject and the version of
            the model alone: a repeated answer is recognised by them.
        cost: Returns what a request counts against the agent's limit.
        has_history: Requests depend on the turns before, in their latest revision. They are read
            again after a takeover.
        is_due: Returns whether a subject is to be answered at all, with the same arguments as
            ``request``.
        count: Counts what a result says, beside its messages.
    """

    agent: str
    subject: type[SubjectT]
    request: Callable[[SubjectT, Sequence[SubjectT]], RequestT | None]
    messages: Callable[[SubjectT, ResultT], Sequence[Message]]
    cost: Callable[[RequestT], int] = lambda _: 1
    has_history: bool = False
    is_due: Callable[[SubjectT, Sequence[SubjectT]], bool] = lambda _, __: True
    count: Callable[[ResultT, CallCounters], None] = lambda _, __: None


@dataclass(frozen=True)
class AnswerRequest(Generic[RequestT]):
    """A request to the model, as the scheduler sees it: those of one call run in their order.

    Attributes:
        content: What the model gets.
    """

    call_id: str
    event_id: str
    content: RequestT
    cost: int = 1

    @property
    def slot(self) -> tuple[Hashable, ...]:
        """Return the call: a later request waits for an earlier one, also while that is retried."""
        return (self.call_id,)

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """Return what tells it from the other requests of the call."""
        return (self.event_id,)


@dataclass(frozen=True)
class Answer(Generic[RequestT, ResultT]):
    """The model's result for a request."""

    request: AnswerRequest[RequestT]
    result: ResultT


class AnsweredTurn(msgspec.Struct, frozen=True, array_like=True):
    """A turn that has its answer.

    Attributes:
        at_ms: Audio clock of its end.
    """

    event_id: str
    at_ms: int


class AnsweringState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the checkpoint of an open call holds.

    Attributes:
        first_offset: From where the history is read again; left out without one.
        last_offset: The highest of an answered turn.
        answered: How many turns have been.
        remembered: The last of them.
        forgotten_ms: Turns that ended up to here were answered, by the audio clock.
    """

    first_offset: int | None = None
    last_offset: int = NOT_YET
    answered: int = 0
    remembered: list[AnsweredTurn] = []
    forgotten_ms: int = NOT_YET


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[SubjectT]):
    subject: SubjectT
    offset: int


class _Memory:
    """The turns that were answered: the last ones by id, those before by their time.

    Turns come in the order of the audio clock, so that one which ended before all that are
    remembered was answered.

    Attributes:
        forgotten_ms: Turns that ended up to here were answered.
    """

    def __init__(self, state: AnsweringState) -> None:
        self.forgotten_ms = state.forgotten_ms
        self._by_id = {each.event_id: each for each in state.remembered}

    def holds(self, turn: TurnEnded) -> bool:
        """Return whether a turn was answered."""
        return turn.event_id in self._by_id or turn.at_ms <= self.forgotten_ms

    def add(self, turn: TurnEnded, open_ms: int) -> None:
        """Remember a turn, and forget the oldest beyond the bound.

        Args:
            turn: That was answered.
            open_ms: When the first turn that is not answered ended, or may have: what ended then,
                or later, is not forgotten.
        """
        self._by_id[turn.event_id] = AnsweredTurn(turn.event_id, turn.at_ms)
        in_order = sorted(self._by_id.values(), key=lambda each: each.at_ms)
        surplus = in_order[: max(0, len(in_order) - MAX_REMEMBERED)]
        forgotten = [each.at_ms for each in surplus if each.at_ms < open_ms]
        if forgotten:
            self.forgotten_ms = forgotten[-1]
            self._by_id = {e.event_id: e for e in in_order if e.at_ms > self.forgotten_ms}

    def turns(self) -> list[AnsweredTurn]:
        """Return those that are remembered by id."""
        return list(self._by_id.values())


class AnsweringCall(Generic[SubjectT, RequestT, ResultT]):
    """One call of an answering agent.

    A finalized call closes with its answer, or without one where the model failed for good; then it
    is answered if it is sent again. A call of turns closes when `CallTurnsComplete` has
    come and every turn before it is answered. What comes after that is late.

    Args:
        call_id: Of the call.
        answering: What is answered, and how.

    Attributes:
        counters: Of what was set aside.
        ended: Where the call ended, None while it goes on.
    """

    def __init__(self, call_id: str, answering: Answering[SubjectT, RequestT, ResultT]) -> None:
        self.counters = CallCounters()
        self.ended: EndedCall | None = None
        self._call_id = call_id
        self._answering = answering
        self._waiting: dict[str, _Waiting[SubjectT]] = {}
        self._history: dict[str, SubjectT] = {}
        self._state = AnsweringState()
        self._memory = _Memory(self._state)
        self._end_offset = NOT_YET
        self._read_ms = NOT_YET

    @classmethod
    def restore(
        cls, checkpoint: Checkpoint, answering: Answering[SubjectT, RequestT, ResultT]
    ) -> Self:
        """Return the machine of an open call.

        Raises:
            MalformedMessageError: The state is not one of this machine.
        """
        machine = cls(checkpoint.call_id, answering)
        machine._state = from_state(checkpoint.state, AnsweringState)
        machine._memory = _Memory(machine._state)
        return machine

    @property
    def is_closed(self) -> bool:
        """Return whether everything is answered and nothing more is expected."""
        return self.ended is not None

    def feed(self, message: Message, offset: int) -> Sequence[Effect]:
        """Return the effects of one message of the topic."""
        if isinstance(message, self._answering.subject):
            return self._take(message, offset)
        if isinstance(message, TurnRevised):
            self._revise(message)
        if isinstance(message, CallTurnsComplete):
            return self._end(offset)
        return (Commit((offset,)),)

    def resolve(self, result: Answer[RequestT, ResultT] | FailedRequest) -> Sequence[Effect]:
        """Return the answer; a request that failed for good is closed without one."""
        waiting = self._waiting.pop(result.request.event_id)
        if isinstance(result, FailedRequest):
            self.counters.unanswered += 1
            return (self._settle(waiting.subject, waiting.offset, is_answered=False),)
        messages = self._answering.messages(waiting.subject, result.result)
        self._answering.count(result.result, self.counters)
        return [
            *(Emit(message) for message in messages),
            self._settle(waiting.subject, waiting.offset),
        ]

    def _take(self, subject: SubjectT, offset: int) -> Sequence[Effect]:
        if self.is_closed or self._end_offset != NOT_YET:
            self.counters.late_events += 1
            return (Commit((offset,)),)
        self._read_ms = max(self._read_ms, _at_ms(subject))  # what follows ends then, or later
        if self._is_repeated(subject):
            return (Commit((offset,)),)
        earlier = tuple(self._history.values())
        is_first = self._note(subject, offset)
        if self._is_answered(subject, offset):
            return (Commit((offset,)),)
        if not self._answering.is_due(subject, earlier):
            return (self._pass_over(subject, offset, is_first=is_first),)
        content = self._answering.request(subject, earlier)
        if content is None:
            self.counters.left_alone += 1
            return (self._pass_over(subject, offset, is_first=is_first),)
        self._waiting[subject.event_id] = _Waiting(subject, offset)
        cost = self._answering.cost(content)
        request = AnswerRequest(self._call_id, subject.event_id, content, cost)
        return (Infer(request, is_urgent=False, is_kept=True),)

    def _pass_over(self, subject: SubjectT, offset: int, *, is_first: bool) -> Commit:
        """Return the commit of a subject that has no answer."""
        if not isinstance(subject, TurnEnded):
            return self._settle(subject, offset)
        return Commit((offset,), self._checkpoint() if is_first else None)

    def _is_repeated(self, subject: SubjectT) -> bool:
        waiting = self._waiting.get(subject.event_id)
        first = self._history.get(subject.event_id) if waiting is None else waiting.subject
        if first is None:
            return False
        self.counters.duplicates += 1
        self.counters.duplicate_mismatch += _content(first) != _content(subject)
        return True

    def _note(self, subject: SubjectT, offset: int) -> bool:
        """Return whether this is the turn from which the history is to be read again."""
        if not self._answering.has_history:
            return False
        self._history[subject.event_id] = subject
        is_first = self._state.first_offset is None
        if is_first:
            self._state.first_offset = offset
        return is_first

    def _revise(self, revised: TurnRevised) -> None:
        """Take the words of a turn that ended, as they were heard later, into the history."""
        for key, turn in reversed(self._history.items()):
            if isinstance(turn, TurnEnded) and turn.turn_id == revised.turn_id:
                self._history[key] = msgspec.structs.replace(
                    turn, text=revised.text, words=revised.words
                )
                return

    def _is_answered(self, subject: SubjectT, offset: int) -> bool:
        """Return whether a turn was answered before; its content is not known any more."""
        if not isinstance(subject, TurnEnded) or not self._memory.holds(subject):
            return False
        if offset <= self._state.last_offset:
            self.counters.read_again += 1
        else:
            self.counters.duplicates += 1
        return True

    def _settle(self, subject: SubjectT, offset: int, *, is_answered: bool = True) -> Commit:
        """Return the commit of a subject that is done; the last one closes the call."""
        if not isinstance(subject, TurnEnded):
            return self._close(offset, (offset,), is_answered=is_answered)
        waiting_ms = (_at_ms(each.subject) for each in self._waiting.values())
        self._memory.add(subject, min(waiting_ms, default=self._read_ms))
        self._state.answered += 1
        self._state.last_offset = max(self._state.last_offset, offset)
        if self._end_offset != NOT_YET and not self._waiting:
            return self._close(self._end_offset, (offset, self._end_offset))
        return Commit((offset,), self._checkpoint())

    def _end(self, offset: int) -> Sequence[Effect]:
        if self.is_closed or self._end_offset != NOT_YET:
            self.counters.late_events += 1
            return (Commit((offset,)),)
        self._end_offset = offset
        return () if self._waiting else (self._close(offset, (offset,)),)

    def _close(
        self, end_offset: int, offsets: tuple[int, ...], *, is_answered: bool = True
    ) -> Commit:
        self.ended = EndedCall(end_offset, is_unanswered=not is_answered)
        self._history.clear()
        return Commit(offsets, self._checkpoint())

    def _checkpoint(self) -> Checkpoint:
        if self.ended is None:
            self._state.remembered = self._memory.turns()
            self._state.forgotten_ms = self._memory.forgotten_ms
        return Checkpoint(
            agent=self._answering.agent,
            call_id=self._call_id,
            position=(int(self.is_closed), self._state.answered),
            is_closed=self.is_closed,
            state=to_state(self._state) if self.ended is None else self.ended.to_state(),
        )


def _at_ms(subject: FinalizedCall | TurnEnded) -> int:
    return subject.at_ms if isinstance(subject, TurnEnded) else NOT_YET


def _content(subject: SubjectT) -> SubjectT:
    return msgspec.structs.replace(subject, captured_at_ns=0)

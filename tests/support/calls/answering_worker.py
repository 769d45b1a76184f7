"""One call of an answering agent on one partition, with a worker that can die at any moment."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from schemas.base import Message
from schemas.codec import decode_json, encode_json
from schemas.operations import Alert, Checkpoint
from schemas.turns import FinalizedCall, TurnEnded
from stream_app.calls.answering import Answer, Answering, AnsweringCall, AnswerRequest
from stream_app.calls.effects import Commit, Effect, Emit, Infer, InferenceRequest
from stream_app.calls.ended_call import EndedCall
from stream_app.calls.inference import Failed, FailedRequest

AGENT = "count_words"
REFUSED = "refused"  # a text that the model cannot run
IGNORED = "ignored"  # a text that the agent leaves alone

TurnAnswering = Answering[TurnEnded, str, int]
CallAnswering = Answering[FinalizedCall, str, int]
AnyAnswering = Answering[Any, str, int]


def of_turns(*, has_history: bool = False, every: int = 1) -> TurnAnswering:
    """Return an agent that counts the words of each turn, or of the call up to it.

    Args:
        has_history: Of the call up to it.
        every: Turns for which there is one answer, with a history.
    """
    return Answering(
        agent=AGENT,
        subject=TurnEnded,
        request=_turn_request,
        messages=_answer,
        has_history=has_history,
        is_due=lambda _, earlier: (len(earlier) + 1) % every == 0,
    )


def of_calls() -> CallAnswering:
    """Return an agent that counts the words of each finalized call."""
    return Answering(agent=AGENT, subject=FinalizedCall, request=_call_request, messages=_answer)


def answer_id(event_id: str) -> str:
    """Return the id of the answer to a subject."""
    return f"{event_id}/{AGENT}"


def _turn_request(turn: TurnEnded, earlier: Sequence[TurnEnded]) -> str | None:
    if turn.text == IGNORED:
        return None
    return " ".join([*(each.text for each in earlier), turn.text])


def _call_request(call: FinalizedCall, _: Sequence[FinalizedCall]) -> str | None:
    text = " ".join(turn.text for turn in call.turns)
    return None if text == IGNORED else text


def _answer(subject: FinalizedCall | TurnEnded, words: int) -> Sequence[Message]:
    return [
        Alert(
            event_id=answer_id(subject.event_id),
            call_id=subject.call_id,
            captured_at_ns=subject.captured_at_ns,
            kind="words",
            severity="info",
            source=AGENT,
            details={"words": str(words)},
        )
    ]


class AnsweringWorker:
    """A topic, what is written because of it, and the present worker.

    Attributes:
        written: Answers by event id; the first wins.
        mismatches: Ids that were written again with other bytes.
        asked: Requests that wait for the model.
        runs: How often the model was asked.
    """

    def __init__(self, topic: Sequence[Message], answering: AnyAnswering) -> None:
        self.written: dict[str, bytes] = {}
        self.mismatches: list[str] = []
        self.asked: list[AnswerRequest[Any]] = []
        self.runs = 0
        self.machine = self._new(topic[0].call_id if topic else "c", answering)
        self._topic = list(topic)
        self._answering = answering
        self._acknowledged: set[int] = set()
        self._stored: bytes | None = None
        self._next = 0
        self._closed: EndedCall | None = None

    @property
    def is_all_acknowledged(self) -> bool:
        """Whether every input is."""
        return self._acknowledged == set(range(len(self._topic)))

    @property
    def is_closed(self) -> bool:
        """Whether the call is."""
        return self._closed is not None or self.machine.is_closed

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What is stored of the call."""
        if self._stored is None:
            return None
        checkpoint: Checkpoint = decode_json(self._stored, Checkpoint)
        return checkpoint

    def read(self, steps: int | None = None) -> bool:
        """Take in the next message; return whether it was carried out to the last step."""
        if self._next >= len(self._topic):
            return True
        message, offset = self._topic[self._next], self._next
        self._next += 1
        if self._closed is not None:
            effects: Sequence[Effect] = self._closed.take(
                message, offset, agent=AGENT, is_refused=False
            )
        else:
            effects = self.machine.feed(message, offset)
        return self._carry_out(effects, steps)

    def answer(self, index: int = 0, steps: int | None = None) -> bool:
        """Give the model's answer to a request; return as `read` does."""
        if not self.asked:
            return True
        self.runs += 1
        request = self.asked.pop(index % len(self.asked))
        result = (
            FailedRequest(request, Failed("refused"))
            if REFUSED in request.content
            else Answer(request, len(request.content.split()))
        )
        return self._carry_out(self.machine.resolve(result), steps)

    def finish(self) -> None:
        """Read the rest and answer everything."""
        while self._next < len(self._topic) or self.asked:
            self.read()
            self.answer()

    def take_over(self, redelivered: int = 0) -> None:
        """Start with empty memory at the watermark, or up to ``redelivered`` messages before."""
        watermark = next(n for n in range(len(self._topic) + 1) if n not in self._acknowledged)
        self._next = max(0, watermark - redelivered)
        self.asked.clear()
        self.machine = self._new(self._topic[0].call_id, self._answering)
        checkpoint = self.checkpoint
        if checkpoint is None:
            return
        if checkpoint.is_closed:
            self._closed = EndedCall.from_state(checkpoint.state)
            return
        self.machine = AnsweringCall.restore(checkpoint, self._answering)
        first = checkpoint.state.get("first_offset")
        if self._answering.has_history and isinstance(first, int):
            for offset in range(first, self._next):
                self.machine.feed(self._topic[offset], offset)

    @staticmethod
    def _new(call_id: str, answering: AnyAnswering) -> AnsweringCall[Any, str, int]:
        return AnsweringCall(call_id, answering)

    def _carry_out(self, effects: Sequence[Effect], steps: int | None) -> bool:
        for number, step in enumerate(self._steps(effects)):
            if number == steps:
                return False
            step()
        return True

    def _steps(self, effects: Sequence[Effect]) -> Iterator[Callable[[], None]]:
        for effect in effects:
            if isinstance(effect, Emit):
                yield partial(self._write, effect.message)
            elif isinstance(effect, Commit):
                yield partial(self._store, effect.checkpoint)
                yield partial(self._acknowledged.update, effect.offsets)
            elif isinstance(effect, Infer):
                assert effect.is_kept
                yield partial(self._ask, effect.request)

    def _write(self, message: Message) -> None:
        data = encode_json(message)
        if self.written.setdefault(message.event_id, data) != data:
            self.mismatches.append(message.event_id)

    def _store(self, checkpoint: Checkpoint | None) -> None:
        stored = self.checkpoint
        if checkpoint is not None and (stored is None or checkpoint.position >= stored.position):
            self._stored = encode_json(checkpoint)

    def _ask(self, request: InferenceRequest) -> None:
        assert isinstance(request, AnswerRequest)
        self.asked.append(request)

"""Finalized calls on the topic, answered again by the models that serve now."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from models.console import WorkProgress
from models.onnx_session import ONNX_ERRORS
from schemas.catalogue import FINALIZED, encode
from schemas.errors import CallstreamError
from stream_app.backfill.finalized_calls import Span, pieces, places_of, read_calls
from stream_app.calls.inference import OF_VALUES, Failed
from stream_app.live.whole_topics import read_topic
from stream_app.runtime.inference.failures import failure_of
from stream_app.transport.clients import start_producer
from stream_app.transport.stopping import stop_client
from stream_app.transport.topics import check_topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.classification import CallClassified
    from schemas.insights import CallInsights
    from schemas.turns import FinalizedCall
    from stream_app.settings import KafkaSettings
    from stream_app.transport.clients import TopicProducer

    Answer = CallClassified | CallInsights
    _Asked = tuple[FinalizedCall, Any]

PRIVATE, ANSWERED = "with analytics: false", "answered before by this version"


class Question(NamedTuple):
    """What a model is to be asked of a call.

    Attributes:
        request: As the model gets it; None for a call that is passed over.
        answer_id: Under which the present version answers.
        passed_over: Why; empty where it is not.
    """

    request: Any = None
    answer_id: str = ""
    passed_over: str = ""


class Answerer(Protocol):
    """What calls are answered by.

    Attributes:
        topic: Of the answers.
        task: What is done to calls, for people.
    """

    topic: str
    task: str

    def question(self, call: FinalizedCall) -> Question:
        """Return what is to be asked of a call."""
        ...

    def answers(self, asked: Sequence[_Asked]) -> Sequence[Answer | Failed]:
        """Return the answer to each call.

        Raises:
            CallstreamError: The model fails; perhaps for one of them alone.
        """
        ...


class Done(NamedTuple):
    """What became of the calls.

    Attributes:
        written: Answers by why they were abstained from; empty for those that were not.
        left: Calls without a new answer, by why.
        failed: Why the model failed, by the id of the call.
    """

    written: Counter[str]
    left: Counter[str]
    failed: dict[str, str]


class Backfill:
    """Answers again what is on the topic of finalized calls.

    Args:
        kafka: Where the brokers are.
        answerer: That answers.
        max_batch: Most calls of one run.
    """

    def __init__(self, kafka: KafkaSettings, answerer: Answerer, *, max_batch: int) -> None:
        self._kafka = kafka
        self._answerer = answerer
        self._max_batch = max_batch
        self._done = Done(Counter(), Counter(), {})
        self._answered: set[str] = set()

    async def run(self, span: Span) -> Done:
        """Answer the calls of a span, and return what became of them.

        Answers that the present version of a model has given before are not written again.

        Raises:
            BrokerError: The brokers cannot be reached, or a topic does not exist.
        """
        topic = self._answerer.topic
        await check_topics(self._kafka, (FINALIZED, topic))
        self._answered = {each.message.event_id async for each in read_topic(self._kafka, topic)}
        places = [place async for place in places_of(self._kafka, span)]
        producer = await start_producer(self._kafka)
        try:
            with WorkProgress(transient=True) as progress:
                row = progress.add_task(f"{self._answerer.task} calls", total=len(places))
                for piece in pieces(places):
                    await self._answer(await read_calls(self._kafka, piece), producer)
                    progress.advance(row, len(piece))
        finally:
            await stop_client(producer)
        return self._done

    async def _answer(self, calls: Sequence[FinalizedCall], producer: TopicProducer) -> None:
        asked = [(call, request) for call in calls if (request := self._request(call)) is not None]
        for start in range(0, len(asked), self._max_batch):
            batch = asked[start : start + self._max_batch]
            found = await asyncio.to_thread(self._asked, batch)
            sent = [
                await producer.send(self._answerer.topic, encode(each), key=each.call_id.encode())
                for each in found
            ]
            await asyncio.gather(*sent)
            self._done.written.update(each.abstained for each in found)

    def _request(self, call: FinalizedCall) -> Any:
        question = self._answerer.question(call)
        why = question.passed_over
        if not why and question.answer_id in self._answered:
            why = ANSWERED
        if why:
            self._done.left[why] += 1
            return None
        return question.request

    def _asked(self, batch: Sequence[_Asked]) -> list[Answer]:
        """Return the answers that are new, those of a batch that fails one by one."""
        try:
            found = self._answerer.answers(batch)
        except (CallstreamError, *ONNX_ERRORS, *OF_VALUES) as error:
            if len(batch) > 1:
                return [answer for each in batch for answer in self._asked([each])]
            found = [failure_of(error)]
        return list(self._new(batch, found))

    def _new(self, batch: Sequence[_Asked], found: Sequence[Answer | Failed]) -> Iterator[Answer]:
        for (call, _), answer in zip(batch, found, strict=True):
            if isinstance(answer, Failed):
                self._done.failed[call.call_id] = answer.reason
            elif answer.event_id in self._answered:
                self._done.left[ANSWERED] += 1
            else:
                self._answered.add(answer.event_id)
                yield answer

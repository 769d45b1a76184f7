"""Finalized calls on the topic, classified again by the models that serve now.

The topic is read twice: first for where the wanted calls stand, then in pieces of bounded size, so
that no reader waits for a model and memory does not grow with the topic.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from models.console import WorkProgress
from models.onnx_session import ONNX_ERRORS
from schemas.catalogue import CLASSIFICATIONS, FINALIZED, decode, encode
from schemas.classification import CallClassified
from schemas.errors import CallstreamError, ConfigurationError, MalformedMessageError
from schemas.turns import FinalizedCall
from stream_app.calls.classify.classified import answer_id, answer_of, request_of
from stream_app.classification import ask_champions
from stream_app.live.whole_topics import read_topic
from stream_app.transport.clients import start_producer
from stream_app.transport.log_reader import BEGINNING, read_partitions
from stream_app.transport.stopping import stop_client
from stream_app.transport.topics import check_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from models.classification.store import ClassificationModels
    from stream_app.calls.classify.classified import ClassifyRequest
    from stream_app.settings import KafkaSettings
    from stream_app.transport.clients import TopicProducer

    _Asked = tuple[FinalizedCall, ClassifyRequest]

MAX_PIECE_CALLS = 256
MAX_PIECE_BYTES = 32 * 1024 * 1024


class Place(NamedTuple):
    """Where a message stands on the topic, and its size in bytes."""

    partition: int
    offset: int
    size: int


class Span(NamedTuple):
    """Calls from one moment to another, by when the brokers took them, in ms since 1970."""

    begin_ms: int
    end_ms: int


class Done(NamedTuple):
    """What became of the calls.

    Attributes:
        written: Answers by why they were abstained from; empty for those with labels.
        left: Calls without a new answer, by why.
        failed: Why the model failed, by the id of the call.
    """

    written: Counter[str]
    left: Counter[str]
    failed: dict[str, str]


PRIVATE, ANSWERED = "with analytics: false", "answered before by this version"
NO_WEIGHTS = "of a label set without a model"


class Backfill:
    """Classifies again what is on the topic of finalized calls.

    Args:
        kafka: Where the brokers are.
        models: That answer.
        max_batch: Most calls of one run.

    Raises:
        ConfigurationError: No label set has a model.
    """

    def __init__(
        self, kafka: KafkaSettings, models: ClassificationModels, *, max_batch: int
    ) -> None:
        if not models.serving():
            raise ConfigurationError(
                "there is no model to answer with: "
                + "; ".join(f"{name}: {why}" for name, why in models.missing().items())
            )
        self._kafka = kafka
        self._models = models
        self._max_batch = max_batch
        self._done = Done(Counter(), Counter(), {})
        self._answered: set[str] = set()

    async def run(self, span: Span) -> Done:
        """Answer the calls of a span, and return what became of them.

        Answers that the present version of a model has given before are not written again.

        Raises:
            BrokerError: The brokers cannot be reached, or a topic does not exist.
        """
        await check_topics(self._kafka, (FINALIZED, CLASSIFICATIONS))
        self._answered = await _answered(self._kafka)
        places = [place async for place in _places(self._kafka, span)]
        producer = await start_producer(self._kafka)
        try:
            with WorkProgress(transient=True) as progress:
                row = progress.add_task("classifying calls", total=len(places))
                for piece in pieces(places):
                    await self._answer(await _read(self._kafka, piece), producer)
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
                await producer.send(CLASSIFICATIONS, encode(each), key=each.call_id.encode())
                for each in found
            ]
            await asyncio.gather(*sent)
            self._done.written.update(each.abstained for each in found)

    def _request(self, call: FinalizedCall) -> ClassifyRequest | None:
        name = self._models.label_set_for(call.context)
        request = request_of(call, name)
        serving = self._models.of(name)
        if request is None:
            why = PRIVATE
        elif serving.classifier is None:
            why = NO_WEIGHTS
        elif self._is_answered(call, serving.label_set.versioned_name, serving.classifier.name):
            why = ANSWERED
        else:
            return request
        self._done.left[why] += 1
        return None

    def _is_answered(self, call: FinalizedCall, label_set: str, model: str) -> bool:
        return answer_id(call.call_id, label_set, model) in self._answered

    def _asked(self, batch: Sequence[_Asked]) -> list[CallClassified]:
        """Return the answers that are new, those of a batch that fails one by one."""
        try:
            found = ask_champions(self._models, [request for _, request in batch])
        except (CallstreamError, *ONNX_ERRORS) as error:
            if len(batch) > 1:
                return [answer for each in batch for answer in self._asked([each])]
            self._done.failed[batch[0][0].call_id] = str(error)
            return []
        messages = [answer_of(call, answer) for (call, _), answer in zip(batch, found, strict=True)]
        return list(self._new(messages))

    def _new(self, messages: Iterable[CallClassified]) -> Iterator[CallClassified]:
        for message in messages:
            if message.event_id in self._answered:
                self._done.left[ANSWERED] += 1
            else:
                self._answered.add(message.event_id)
                yield message


def pieces(
    places: Sequence[Place], *, calls: int = MAX_PIECE_CALLS, size: int = MAX_PIECE_BYTES
) -> Iterator[list[Place]]:
    """Yield places in pieces, each of one partition, in order, and of a bounded size.

    Args:
        places: Those of a partition in order.
        calls: Most places of a piece.
        size: Most bytes of a piece, unless one message alone has more.
    """
    piece: list[Place] = []
    for place in sorted(places):
        is_full = len(piece) == calls or sum(each.size for each in piece) + place.size > size
        if piece and (is_full or place.partition != piece[0].partition):
            yield piece
            piece = []
        piece.append(place)
    if piece:
        yield piece


async def _answered(kafka: KafkaSettings) -> set[str]:
    """Return the ids of all answers on the topic."""
    return {
        stamped.message.event_id
        async for stamped in read_topic(kafka, CLASSIFICATIONS)
        if isinstance(stamped.message, CallClassified)
    }


async def _places(kafka: KafkaSettings, span: Span) -> AsyncIterator[Place]:
    layout = await check_topics(kafka, (FINALIZED,))
    starts = dict.fromkeys(range(layout[kafka.topic(FINALIZED)].partitions), BEGINNING)
    with WorkProgress(transient=True) as progress:
        row = progress.add_task(f"looking through {kafka.topic(FINALIZED)}", total=None)
        async for record in read_partitions(kafka, FINALIZED, starts):
            progress.advance(row)
            if span.begin_ms <= record.timestamp < span.end_ms:
                yield Place(record.partition, record.offset, len(record.value or b""))


async def _read(kafka: KafkaSettings, piece: Sequence[Place]) -> list[FinalizedCall]:
    """Return the calls of a piece that are still there and can be read."""
    partition, wanted = piece[0].partition, {place.offset for place in piece}
    found = []
    reading = read_partitions(
        kafka, FINALIZED, {partition: piece[0].offset}, {partition: piece[-1].offset + 1}
    )
    async for record in reading:
        if record.offset not in wanted:
            continue
        try:
            message = decode(FINALIZED, record.value or b"")
        except MalformedMessageError:
            continue
        if isinstance(message, FinalizedCall):
            found.append(message)
    return found

"""Finalized calls on a broker, analysed again by the present version of a model."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest

from models.analytics.temporal import CallCalendar
from schemas.base import CallContext
from schemas.catalogue import ALERTS, INSIGHTS, encode, topic_of
from schemas.errors import ConfigurationError
from schemas.insights import CallInsights
from stream_app.analytics import ask_champions
from stream_app.backfill.analyze import AnalyzeAgain
from stream_app.backfill.finalized_calls import Span
from stream_app.backfill.work import ANSWERED, PRIVATE, Backfill, Done
from stream_app.calls.analyze.analyzed import Analyzed, insights_of, request_of
from stream_app.live.whole_topics import read_topic
from stream_app.transport.clients import start_producer
from tests.support.analytics.word_analyst import BROKEN, GUIDE, UNREADABLE, WordAnalyst, WordModels
from tests.support.calls.call_messages import finalized

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.audio import AudioMessage
    from schemas.base import Message
    from schemas.turns import FinalizedCall
    from stream_app.settings import Settings

pytestmark = pytest.mark.e2e
EVER = Span(0, 2**50)
CALENDAR = CallCalendar()
CALLS = 60  # on four partitions
PRIVATE_CALLS = {n for n in range(CALLS) if n % 10 == 7}
FAILING = {n for n in range(CALLS) if n % 12 == 5} - PRIVATE_CALLS
LIVE = 12  # were answered while they went on


def call_of(number: int) -> FinalizedCall:
    texts = ("hello", GUIDE.categories[number % 3], "angry", UNREADABLE)
    said = texts if number in FAILING else (*texts[:3], "well")
    turns = tuple((n % 2, n * 1_000, text) for n, text in enumerate(said))
    attributes = {"analytics": "false"} if number in PRIVATE_CALLS else {}
    return msgspec.structs.replace(
        finalized(turns),
        call_id=f"call-{number}",
        event_id=f"call-{number}/finalized",
        context=CallContext(attributes=attributes),
    )


def send(settings: Settings, messages: Iterable[Message]) -> None:
    async def produce() -> None:
        producer = await start_producer(settings.kafka)
        for each in messages:
            await producer.send(topic_of(each), encode(each), key=each.call_id.encode())
        await producer.stop()

    asyncio.run(produce())


def on_topic(settings: Settings, name: str) -> list[Message | AudioMessage]:
    async def read() -> list[Message | AudioMessage]:
        return [each.message async for each in read_topic(settings.kafka, name)]

    return asyncio.run(read())


def backfill(settings: Settings, models: WordModels) -> Done:
    work = Backfill(settings.kafka, AnalyzeAgain(models, CALENDAR), max_batch=8)
    return asyncio.run(work.run(EVER))


def live_answers(models: WordModels) -> list[CallInsights]:
    calls = [call_of(n) for n in range(LIVE) if n not in PRIVATE_CALLS | FAILING]
    requests = [request for call in calls if (request := request_of(call, GUIDE.name, CALENDAR))]
    found = ask_champions(models, requests)
    return [
        insights_of(call, each)
        for call, each in zip(calls, found, strict=True)
        if isinstance(each, Analyzed)
    ]


def test_every_call_is_analysed_once_by_each_version(settings: Settings) -> None:
    models = WordModels()
    send(settings, [call_of(number) for number in range(CALLS)])
    live = live_answers(models)
    send(settings, live)

    first = backfill(settings, models)
    again = backfill(settings, models)
    second = backfill(settings, WordModels(WordAnalyst("words@2")))

    answered = CALLS - len(PRIVATE_CALLS) - len(FAILING)
    assert first.written == {"": answered - len(live)}
    assert first.left == {PRIVATE: len(PRIVATE_CALLS), ANSWERED: len(live)}
    assert first.failed == {f"call-{n}": BROKEN for n in FAILING}
    assert again.written.total() == 0
    assert second.written == {"": answered}
    found = on_topic(settings, INSIGHTS)
    assert set(Counter(each.event_id for each in found).values()) == {1}
    assert len(found) == 2 * answered
    assert all(isinstance(each, CallInsights) and not each.is_shadow for each in found)
    assert not on_topic(settings, ALERTS)  # they were raised while the calls went on


def test_without_a_model_nothing_is_begun() -> None:
    with pytest.raises(ConfigurationError, match="callstream models fetch smollm2-135m"):
        AnalyzeAgain(WordModels(champion=None), CALENDAR)

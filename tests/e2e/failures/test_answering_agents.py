"""Agents that answer finalized calls or turns: killed at work, every answer once, none lost."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import orjson
import pytest

from schemas import catalogue
from schemas.base import CallContext, Message
from schemas.operations import Alert
from schemas.turns import FinalizedCall, TurnEnded
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import start_producer
from tests.support.calls.call_messages import finalized, turn_ended, turns_complete
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Broker
from tests.support.system.sentiment_agents import (
    AGENT,
    LIVE_AGENT,
    OF_CALLS,
    OF_TURNS,
    OVERLOADED,
    UNREADABLE,
    answer_id,
)
from tests.support.system.topic_watch import TopicWatch, headers_of

pytestmark = [pytest.mark.e2e, pytest.mark.own_topics]  # these agents read all of it

CALLS = 80  # on four partitions
CALLS_OF_TURNS = 16
FEW = 5  # answers, after which a worker is killed
REASON = "inference failed: unreadable"
TEXTS = ("thanks great", "angry and broken", "well", OVERLOADED, "perfect but useless")


@dataclass(frozen=True)
class Plan:
    """What is sent, and what is to be written because of it.

    Attributes:
        agent: That answers, as it is started.
        name: Of its checkpoints.
        batches: The input in parts; a worker is killed after each.
        scores: Of each answer, by its id.
        failing: The inputs that the model cannot run.
    """

    agent: str
    name: str
    batches: Sequence[Sequence[Message]]
    scores: dict[str, int]
    failing: Sequence[Message]
    call_ids: frozenset[str]


def finalized_calls(run: str) -> Plan:
    """Return calls of which every ninth fails, every seventh is private, and many come twice."""
    calls = [_call(n, run) for n in range(CALLS)]
    failing = [call for call in calls if UNREADABLE in call.turns[0].text]
    answered = [call for call in calls if call not in failing and not call.context.attributes]
    scores = {answer_id(call): TRUE_SCORES[call.turns[0].text] for call in answered}
    half = CALLS // 2
    batches = (calls[:half], [*calls[half - 10 :], *calls[::5]])
    return Plan(OF_CALLS, AGENT, batches, scores, failing, frozenset(c.call_id for c in calls))


TRUE_SCORES = dict(zip(TEXTS, (2, -2, 0, 0, 0), strict=True))


def _call(number: int, run: str) -> FinalizedCall:
    text = UNREADABLE if number % 9 == 4 else TEXTS[number % len(TEXTS)]
    is_private = number % 7 == 3 and text != UNREADABLE
    call_id = f"call-{number}~{run}"
    return msgspec.structs.replace(
        finalized(((0, 0, text),)),
        call_id=call_id,
        event_id=f"{call_id}/finalized",
        context=CallContext(attributes={"analytics": "false"} if is_private else {}),
    )


def turns(run: str) -> Plan:
    """Return calls of as many turns as there are texts; of one in five the last turn fails."""
    call_ids = [f"call-{number}~{run}" for number in range(CALLS_OF_TURNS)]
    by_call = {call_id: _turns(call_id, n % 5 == 0) for n, call_id in enumerate(call_ids)}
    scores, failing = {}, []
    for said in by_call.values():
        total = 0
        for turn in said:
            if UNREADABLE in turn.text:
                failing.append(turn)
                continue
            total += TRUE_SCORES[turn.text]
            scores[answer_id(turn)] = total
    rounds: list[Message] = [said[n] for n in range(len(TEXTS)) for said in by_call.values()]
    ends = [turns_complete(len(TEXTS), call_id) for call_id in call_ids]
    half = len(rounds) // 2
    batches = (rounds[:half], [*rounds[half - 20 :], *(s[-1] for s in by_call.values()), *ends])
    return Plan(OF_TURNS, LIVE_AGENT, batches, scores, failing, frozenset(call_ids))


def _turns(call_id: str, is_failing: bool) -> list[TurnEnded]:
    texts = [*TEXTS[:-1], UNREADABLE if is_failing else TEXTS[-1]]
    return [
        turn_ended(
            n % 2,
            n * 1_000,
            n * 1_000 + 900,
            text=text,
            call_id=call_id,
            event_id=f"{call_id}/turn_ended/{n}",
        )
        for n, text in enumerate(texts)
    ]


async def send(kafka: KafkaSettings, messages: Iterable[Message]) -> None:
    producer = await start_producer(kafka)
    try:
        for message in messages:
            topic, key = catalogue.topic_of(message), message.call_id.encode()
            await producer.send_and_wait(topic, catalogue.encode(message), key=key)
    finally:
        await producer.stop()


def answers(watch: TopicWatch) -> dict[str, set[bytes]]:
    """Return the answers as they were written, by id: more than one would be a contradiction."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for record in watch.of(catalogue.ALERTS):
        alert: Alert = catalogue.decode(catalogue.ALERTS, record.value)
        if alert.kind == "sentiment":
            found[alert.event_id].add(record.value)
    return found


def closed(watch: TopicWatch, agent: str) -> set[str]:
    """Return the calls that an agent has closed."""
    values = [r.value for r in watch.of(catalogue.CHECKPOINTS) if r.value is not None]
    checkpoints = [catalogue.decode(catalogue.CHECKPOINTS, value) for value in values]
    return {each.call_id for each in checkpoints if each.is_closed and each.agent == agent}


async def test_every_answer_comes_once_though_workers_are_killed(
    broker: Broker, fleet: Fleet
) -> None:
    """Those that the model cannot run become dead letters, and the rest is answered."""
    await asyncio.gather(
        *(
            check(broker, fleet, plan_of, secrets.token_hex(3))
            for plan_of in (finalized_calls, turns)
        )
    )


async def check(broker: Broker, fleet: Fleet, plan_of: Callable[[str], Plan], run: str) -> None:
    plan, kafka = plan_of(run), broker.settings.kafka
    async with TopicWatch(kafka, run) as watch:
        for number, batch in enumerate(plan.batches):
            worker = fleet.launch(plan.agent, worker=f"w{number}")
            await worker.ready()
            seen = len(answers(watch))
            await send(kafka, batch)
            await watch.until(partial(has_more, watch, seen), "answers")
            worker.kill()
        await fleet.launch(plan.agent, worker="last").ready()
        await watch.until(lambda: closed(watch, plan.name) >= plan.call_ids, "end of every call")
        await watch.catch_up()

        found = answers(watch)
        assert all(len(versions) == 1 for versions in found.values())
        scores = {key: int(orjson.loads(*v)["details"]["score"]) for key, v in found.items()}
        assert scores == plan.scores
        letters = list(watch.of(catalogue.DEAD_LETTERS))
        assert {letter.value for letter in letters} == {catalogue.encode(m) for m in plan.failing}
        assert {headers_of(letter)["reason"] for letter in letters} == {REASON}


def has_more(watch: TopicWatch, seen: int) -> bool:
    return len(answers(watch)) > seen + FEW

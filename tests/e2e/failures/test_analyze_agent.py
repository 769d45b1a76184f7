"""The agent `analyze` on both brokers: killed at work, its back-end away, every call once."""

import secrets
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from schemas import catalogue
from schemas.base import CallContext
from schemas.insights import CallInsights
from schemas.operations import Alert
from schemas.turns import FinalizedCall
from stream_app.dead_letters.letter import Wanted
from stream_app.dead_letters.topic import replay_letters
from tests.e2e.failures.test_answering_agents import closed, send
from tests.support.analytics.word_analyst import AWAY, GUIDE, HELD_UP
from tests.support.calls.call_messages import finalized
from tests.support.system.analyze_agents import OF_CALLS
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Broker
from tests.support.system.topic_watch import TopicWatch, headers_of

pytestmark = [pytest.mark.e2e, pytest.mark.own_topics]  # this agent reads all of it

AGENT = "analyze"
CALLS = 60  # on four partitions


def is_private(number: int) -> bool:
    return number % 7 == 3


def is_held_up(number: int) -> bool:
    return number % 6 == 1 and not is_private(number)


def call_of(number: int, run: str) -> FinalizedCall:
    category = GUIDE.categories[number % len(GUIDE.categories)]
    mood = "angry" if number % 5 == 0 else "well"
    said = ("hello", category, mood, HELD_UP if is_held_up(number) else "thanks")
    call_id = f"call-{number}~{run}"
    return msgspec.structs.replace(
        finalized(tuple((n % 2, n * 1_000, text) for n, text in enumerate(said))),
        call_id=call_id,
        event_id=f"{call_id}/finalized",
        context=CallContext(attributes={"analytics": "false"} if is_private(number) else {}),
    )


def answers(watch: TopicWatch) -> dict[str, set[bytes]]:
    """Return the insights as they were written, by call: more than one would be a contradiction."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for record in watch.of(catalogue.INSIGHTS):
        message: CallInsights = catalogue.decode(catalogue.INSIGHTS, record.value)
        found[message.call_id].add(record.value)
    return found


async def test_every_call_is_analysed_once_though_workers_are_killed_and_the_model_is_away(
    broker: Broker, tmp_path: Path
) -> None:
    """What failed is a dead letter with the reason, and answered when it is sent again."""
    run = secrets.token_hex(3)
    away = tmp_path / "away"
    away.touch()
    settings = broker.settings.replace(
        analytics={"models": {"contact-centre": str(away)}, "compare_categories": False},
        inference={"max_attempts": 2, "first_backoff_s": 0.05},
    )
    calls = [call_of(number, run) for number in range(CALLS)]
    every = {call.call_id for call in calls}
    half = CALLS // 2
    logs = tmp_path / "logs"
    logs.mkdir()
    async with TopicWatch(settings.kafka, run) as watch:
        with Fleet(settings, logs) as fleet:
            first = fleet.launch(OF_CALLS, worker="w1")
            await first.ready()
            await send(settings.kafka, calls[:half])
            await watch.until(lambda: len(answers(watch)) > half // 4, "answers")
            first.kill()
            second = fleet.launch(OF_CALLS, worker="w2")
            await second.ready()
            await send(settings.kafka, [*calls[half:], *calls[2:half:6]])
            await watch.until(lambda: closed(watch, AGENT) >= every, "end of every call")
            held_up = {call.call_id for n, call in enumerate(calls) if is_held_up(n)}
            assert not answers(watch).keys() & held_up

            away.unlink()
            wanted = Wanted(agent=AGENT, reason=AWAY)
            done = await replay_letters(settings.kafka, wanted)
            await watch.until(lambda: answers(watch).keys() >= held_up, "answers to what failed")
            await watch.catch_up()
            assert done.sent == {catalogue.FINALIZED: len(held_up)}
            assert second.is_running
            fleet.assert_lanes_repeated()
    check(watch, calls)


def check(watch: TopicWatch, calls: list[FinalizedCall]) -> None:
    found = answers(watch)
    assert found.keys() == {c.call_id for n, c in enumerate(calls) if not is_private(n)}
    assert all(len(versions) == 1 for versions in found.values())
    raised = set()
    for number, call in enumerate(calls):
        if is_private(number):
            continue
        (value,) = found[call.call_id]
        insights = msgspec.json.decode(value, type=CallInsights)
        assert insights.primary_category is not None
        assert insights.primary_category.value == GUIDE.categories[number % len(GUIDE.categories)]
        assert insights.primary_category.evidence == (call.turns[1].turn_id,)
        if number % 5 == 0:
            raised.add((call.call_id, "high_churn_risk"))
            raised.add((call.call_id, "low_quality"))
    alerts = [catalogue.decode(catalogue.ALERTS, r.value) for r in watch.of(catalogue.ALERTS)]
    told = [a for a in alerts if isinstance(a, Alert) and a.source == AGENT]
    assert {(a.call_id, a.kind) for a in told if a.kind != "inference_failed"} == raised
    letters = list(watch.of(catalogue.DEAD_LETTERS))
    assert {headers_of(each)["reason"] for each in letters} == {f"inference failed: {AWAY}"}

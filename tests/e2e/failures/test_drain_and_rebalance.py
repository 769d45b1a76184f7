"""Workers that stop in order, join and leave under load: no call notices."""

import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from stream_app.settings import KafkaSettings
from stream_app.transport.clients import client_options
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Begin, Broker

pytestmark = pytest.mark.e2e
SPEED = 4.0
MEMBERS = 5  # place in a described group
COPIES = 4  # of five recordings: twenty calls on four partitions


async def members(kafka: KafkaSettings, agent: str) -> int:
    """Return how many members the consumer group of an agent has."""
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([kafka.group(agent)])
    finally:
        await admin.close()
    return sum(len(group[MEMBERS]) for group in answer.groups)


async def test_agents_told_to_stop_under_load_finish_what_they_hold(
    broker: Broker, fleet: Fleet, begin: Begin
) -> None:
    """They end by themselves; the next ones go on where they stopped, and nothing is lost."""
    agents = await fleet.start("old")

    async with begin(speed=SPEED, copies=COPIES) as run:
        await run.fed(6_000)
        told_s = time.monotonic()
        for agent in agents.values():
            agent.terminate()
        ended_s = {name: agent.ended_after_s(told_s) for name, agent in agents.items()}
        if broker.cluster is not None:  # members of the embedded broker cannot leave
            assert await members(broker.settings.kafka, "finalize") == 0
        await run.feed.until(7_000)
        started_s = time.monotonic()
        await fleet.start("new")
        ready_s = time.monotonic() - started_s
        await run.assert_unchanged(timeout_s=90.0)

    print(f"ended after {ended_s}, the next ones ready after {ready_s:.1f} s")
    assert {name: agent.exit_code for name, agent in agents.items()} == dict.fromkeys(agents, 0)
    assert not any("agent.not_stopped" in agent.tail() for agent in agents.values())


async def test_workers_join_and_leave_under_twenty_calls(fleet: Fleet, begin: Begin) -> None:
    """Every rebalance rewinds partitions that their worker keeps."""
    first = await fleet.start("first")

    async with begin(speed=SPEED, copies=COPIES) as run:
        await run.fed(4_500)
        second = await fleet.start("second")
        await run.fed(7_000)
        for agent in first.values():
            agent.terminate()
        await run.fed(9_500)
        await fleet.start("third")
        for agent in second.values():
            agent.kill()
        await run.assert_unchanged(timeout_s=120.0)

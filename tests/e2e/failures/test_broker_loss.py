"""A broker of three dies in mid-call and comes back."""

import pytest

from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Begin, Broker

# The embedded broker is one process: nothing takes over from it
ON_KAFKA = pytest.param("kafka", marks=pytest.mark.kafka)
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("broker", [ON_KAFKA], indirect=True),
]


async def test_a_broker_is_killed_and_comes_back(
    broker: Broker, fleet: Fleet, begin: Begin
) -> None:
    """Gateway, agents and checkpoints go on with the two others."""
    assert broker.cluster is not None
    await fleet.start("first")
    node = broker.cluster.nodes[0]

    async with begin(speed=4) as run:
        await run.fed(4_000)
        node.kill()
        await run.feed.until(8_000)
        broker.cluster.restart(node)
        await run.assert_unchanged()


async def test_a_broker_and_an_agent_are_killed_together(
    broker: Broker, fleet: Fleet, begin: Begin
) -> None:
    assert broker.cluster is not None
    agents = await fleet.start("first", "second")
    node = broker.cluster.nodes[1]

    async with begin() as run:
        await run.fed(5_000)
        node.kill()
        agents["first.transcribe"].kill()
        await run.feed.until(9_000)
        broker.cluster.restart(node)
        await run.assert_unchanged()

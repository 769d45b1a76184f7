"""An agent whose brokers are gone lives and is not ready; it is ready again when they are back."""

import asyncio
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker
from tests.kafka.cluster import START_TIMEOUT_S, KafkaCluster, create_topics
from tests.kafka.running import with_topics
from tests.support.system.fleet import Fleet
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

AGENT = "finalize"  # the one that loads no model
LIMIT_S = 120.0
SETTINGS = Settings().replace(
    kafka={"partitions": 4, "session_timeout_s": 3.0, "heartbeat_s": 0.5},
)


@dataclass
class Outage:
    """Brokers that a test takes away and brings back."""

    settings: Settings
    begin: Callable[[], None]
    end: Callable[[], None]


def frozen(broker: EmbeddedBroker) -> Outage:
    """Return an outage of a broker that holds its log in memory alone: it hangs."""
    return Outage(
        broker.settings(SETTINGS),
        begin=lambda: os.kill(broker.pid, signal.SIGSTOP),
        end=lambda: os.kill(broker.pid, signal.SIGCONT),
    )


def killed(cluster: KafkaCluster) -> Outage:
    """Return an outage of all nodes at once, which come back with their data."""

    def begin() -> None:
        for node in cluster.nodes:
            node.kill()

    def end() -> None:
        for node in cluster.nodes:
            node.launch()
        deadline = time.monotonic() + START_TIMEOUT_S
        for node in cluster.nodes:
            node.await_ready(deadline)

    return Outage(cluster.settings(SETTINGS), begin, end)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def outage(request: pytest.FixtureRequest) -> Iterator[Outage]:
    """Brokers of each kind with our topics."""
    if request.param == "embedded":
        with EmbeddedBroker() as broker:
            outage = frozen(broker)
            asyncio.run(create_topics(outage.settings.kafka))
            yield outage
        return
    cluster: KafkaCluster = request.getfixturevalue("kafka_cluster")
    with_topics(cluster, SETTINGS)
    yield killed(cluster)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def status(port: int, path: str) -> int:
    """Return what the agent answers."""
    url = f"http://127.0.0.1:{port}{path}"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


async def answers(port: int, path: str, wanted: int) -> None:
    """Wait until the agent gives that answer."""

    async def is_as_wanted() -> bool:
        return await asyncio.to_thread(status, port, path) == wanted

    await until(is_as_wanted, f"{wanted} for {path}", limit_s=LIMIT_S)


async def test_an_agent_without_brokers_lives_and_is_not_ready(
    outage: Outage, tmp_path: Path
) -> None:
    port = free_port()
    settings = outage.settings.replace(metrics={"port": port})
    with Fleet(settings, tmp_path) as fleet:
        agent = fleet.launch(AGENT, worker="first")
        await agent.ready()
        await answers(port, "/readyz", 200)

        outage.begin()
        try:
            await answers(port, "/readyz", 503)
            assert status(port, "/healthz") == 200
        finally:
            outage.end()  # here: nodes end with the thread that launched them

        await answers(port, "/readyz", 200)
        assert status(port, "/healthz") == 200
        assert agent.is_running

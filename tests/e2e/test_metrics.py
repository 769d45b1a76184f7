"""The metrics of the agents of a running system agree with their calls."""

import asyncio
from functools import partial

import pytest

from schemas import catalogue
from stream_app.live.open_calls import read_open_calls
from stream_app.monitoring.host_health import ask_agents
from tests.support.system.fleet import AGENTS, AgentProcess, Fleet
from tests.support.system.metrics_ports import HOST
from tests.support.system.scenario import Begin, Broker
from tests.support.waiting import LIMIT_S, until

pytestmark = pytest.mark.e2e
SPEED = 4.0
CUT_MS = 6_500  # in mid-call
LEAST_BYTES = 10_000_000  # a Python process has more


def read(agents: dict[str, AgentProcess], agent: str, name: str, **labels: str) -> float:
    return agents[f"only.{agent}"].metric(f"callstream_{name}", **labels)


def holds_all(agent: AgentProcess, partitions: int) -> bool:
    """Return whether the agent has measured all partitions since it took them."""
    return agent.metric("callstream_partitions_held") == partitions


async def test_metrics_tell_what_became_of_the_calls(
    fleet: Fleet, broker: Broker, begin: Begin
) -> None:
    # Calls that other tests left on a shared broker stay open all the time
    fleet.settings = fleet.settings.replace(stalls={"stall_after_s": 3600, "stale_after_s": 7200})
    agents = await fleet.start("only")
    partitions = broker.settings.kafka.partitions
    for agent in AGENTS:
        await until(partial(holds_all, agents[f"only.{agent}"], partitions), "partitions are held")
    left_open = {agent: read(agents, agent, "open_calls") for agent in AGENTS}

    async with begin(speed=SPEED) as run:
        await run.fed(CUT_MS)
        await until(
            lambda: (
                read(agents, "transcribe", "open_calls")
                == left_open["transcribe"] + len(run.recorded)
            ),
            "calls are open",
        )
        rows = [
            row
            for row in await read_open_calls(broker.settings.kafka)
            if row.call_id in run.recorded
        ]
        assert {row.call_id for row in rows} == set(run.recorded)
        assert {row.parties for row in rows} == {("agent", "customer")}
        assert all(row.last_audio_s < LIMIT_S for row in rows)

        await run.assert_unchanged()
        finals = sum(
            len(run.watch.messages(catalogue.TRANSCRIPTS, call_id, "transcript_final.v1"))
            for call_id in run.recorded
        )

    for agent in AGENTS:
        await assert_at_rest(agents[f"only.{agent}"], partitions, left_open[agent])
    latency = "output_latency_seconds"
    timed = read(agents, "transcribe", f"{latency}_count", type="transcript_final")
    total_s = read(agents, "transcribe", f"{latency}_sum", type="transcript_final")
    assert timed == finals > 0
    assert 0 < total_s / timed < LIMIT_S
    for models in ("inference", "feed_model"):
        assert read(agents, "transcribe", f"{models}_cpu_seconds_total") > 0
    finalized = read(agents, "finalize", f"{latency}_count", type="finalized_call")
    assert finalized == len(run.recorded)
    left = {row.call_id for row in await read_open_calls(broker.settings.kafka)}
    assert not left & set(run.recorded)


async def assert_at_rest(agent: AgentProcess, partitions: int, left_open: float) -> None:
    """Wait until an agent has read everything and closed its calls, and look at what it serves."""
    await until(lambda: agent.metric("callstream_open_calls") == left_open, "calls are closed")
    lag = "callstream_consumer_lag_messages"
    await until(lambda: agent.metric(lag) == 0, "all input is read")
    assert agent.metric("callstream_partitions_held") == partitions
    assert agent.metric("callstream_events_total") > 0
    assert agent.metric("process_resident_memory_bytes") > LEAST_BYTES
    port = agent.settings.metrics.port
    states = await asyncio.to_thread(ask_agents, HOST, port)
    found = [(state.name, state.problem) for state in states if state.port == port]
    assert found == [(agent.agent, "")]

"""One worker with two processes of `transcribe`: they share the calls, each on one core."""

import asyncio
import json
from pathlib import Path

import pytest

from stream_app.worker.supervisor import Supervisor
from tests.support.system.fingerprint_agent import DEFINITION
from tests.support.system.scenario import Begin, Broker

pytestmark = pytest.mark.e2e


async def test_two_processes_of_one_worker_share_the_calls(
    broker: Broker, begin: Begin, tmp_path: Path
) -> None:
    """Twenty calls on four partitions leave work for both."""
    settings = broker.settings.replace(worker={"id": "pair"})
    agents = (DEFINITION, DEFINITION, "detect_turns", "finalize")
    log = tmp_path / "worker.log"
    with log.open("wb") as file, Supervisor(settings, agents, log_file=file) as supervisor:
        await asyncio.to_thread(supervisor.wait_ready)
        pids = supervisor.pids(DEFINITION)
        async with begin(copies=4) as run:
            await run.assert_unchanged()
        unchanged = supervisor.pids(DEFINITION)

    assert len(set(pids)) == 2
    assert unchanged == pids
    assert closers(log) == {"pair", "pair.2"}


def closers(log: Path) -> set[str]:
    """Return the ids of the processes of `transcribe` that brought calls to their end."""
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    closed = [event for event in events if event["event"] == "call.closed"]
    return {event["worker"] for event in closed if event["agent"] == "transcribe"}

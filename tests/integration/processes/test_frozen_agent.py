"""An agent that stands still is killed and started again; one that works is left alone."""

import os
import signal
import time
from pathlib import Path

import orjson
import pytest

from stream_app.settings import Settings
from stream_app.worker.supervisor import Supervisor
from tests.integration.traffic import TOY, Plan, await_alerts, traffic
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def events(log: Path, name: str) -> list[dict[str, object]]:
    lines = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    return [event for event in map(orjson.loads, lines) if event["event"] == name]


def test_a_frozen_agent_is_killed_and_its_calls_go_on(settings: Settings, tmp_path: Path) -> None:
    """As SIGSTOP, a debugger or a hung event loop would freeze it."""
    settings = settings.replace(worker={"max_silence_s": 3.0})
    plan = Plan(calls=4, keys=20)
    log = tmp_path / "agent.log"
    with log.open("wb") as file, Supervisor(settings, [TOY], log_file=file) as supervisor:
        supervisor.wait_ready()
        frozen = supervisor.pid(TOY)
        os.kill(frozen, signal.SIGSTOP)
        with traffic(settings, plan):
            wait_until(lambda: supervisor.pid(TOY) not in (0, frozen), "new process")
        supervisor.wait_ready()
        result = await_alerts(settings, "end", plan.calls, plan.run)

    assert result.details == plan.expected()
    assert not Path(f"/proc/{frozen}").exists()


def test_a_busy_agent_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    """Its event loop turns for much longer than the limit of silence."""
    max_silence_s = 5.0
    settings = settings.replace(worker={"max_silence_s": max_silence_s})
    plan = Plan(calls=8, keys=200, pace_s=0.03)
    log = tmp_path / "agent.log"
    with log.open("wb") as file, Supervisor(settings, [TOY], log_file=file) as supervisor:
        supervisor.wait_ready()
        busy, began_s = supervisor.pid(TOY), time.monotonic()
        with traffic(settings, plan):
            await_alerts(settings, "end", plan.calls, plan.run)
        busy_s = time.monotonic() - began_s
        unchanged = supervisor.pid(TOY)

    assert busy_s > max_silence_s
    assert unchanged == busy
    assert len(events(log, "agent.ready")) == 1

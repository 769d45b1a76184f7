"""Agents are forked from one server: its death costs nothing, and a signal to all is for them."""

import os
import signal
import subprocess
from pathlib import Path

import orjson
import psutil
import pytest

from schemas.errors import ConfigurationError
from stream_app.agents.definition import AgentDefinition
from stream_app.settings import Settings
from stream_app.worker.supervisor import Supervisor
from tests.integration.traffic import TOY, Plan, await_alerts, traffic
from tests.support.system.agent_processes import agents_of
from tests.support.system.command_line import CALLSTREAM, environment
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
STOP_TIMEOUT_S = 30.0
MARK = "CALLSTREAM_TEST_MARK"
SELF = "tests.integration.processes.test_fork_server:define"


def ends(log: Path) -> list[str]:
    """Return how agents have ended, by their own words or by their supervisor's."""
    lines = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    names = [orjson.loads(line)["event"] for line in lines]
    return [name for name in names if name in ("agent.stopped", "agent.ended")]


def server_of(agent: int) -> psutil.Process:
    server = psutil.Process(agent).parent()
    assert server is not None
    return server


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_agents_come_back_when_their_server_is_no_more(
    settings: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    """Killed, as by the kernel when memory is short, or frozen: calls go on where they were."""
    settings = settings.replace(worker={"max_silence_s": 3.0})
    plan = Plan(calls=4, keys=40)
    log = tmp_path / "agents.log"
    with log.open("wb") as file, Supervisor(settings, [TOY, TOY], log_file=file) as supervisor:
        supervisor.wait_ready()
        before = supervisor.pids(TOY)
        with traffic(settings, plan):
            await_alerts(settings, "sum", plan.share(0.2), plan.run)
            server_of(before[0]).send_signal(number)
            os.kill(before[0], signal.SIGKILL)
            wait_until(lambda: not {0, *before} & {*supervisor.pids(TOY)}, "new processes")
        supervisor.wait_ready()
        result = await_alerts(settings, "end", plan.calls, plan.run)

    assert result.details == plan.expected()
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_the_whole_group_stops_agents_in_order(
    settings: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    """As a terminal that closes, Ctrl-C in it, or an init system, which signals the server too."""
    log = tmp_path / "worker.log"
    with log.open("wb") as file:
        worker = subprocess.Popen(
            [CALLSTREAM, "worker", "--agents", "finalize,detect_turns"],
            env={**environment(settings.kafka), "CALLSTREAM_WORKER__LOG_FORMAT": "json"},
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_until(
            lambda: b"ready" in log.read_bytes().split() or worker.poll() is not None,
            lambda: f"ready worker: {log.read_text()}",
        )
        agents = agents_of(psutil.Process(worker.pid))
        family = psutil.Process(worker.pid).children(recursive=True)
        server_of(min(agents)).send_signal(number)
        os.killpg(worker.pid, number)
        assert worker.wait(STOP_TIMEOUT_S) == 0
        psutil.wait_procs(family, timeout=STOP_TIMEOUT_S)
    finally:
        if worker.poll() is None:
            worker.kill()

    assert sorted(agents.values()) == ["detect_turns", "finalize"]
    assert ends(log) == ["agent.stopped"] * 2, log.read_text()
    assert not any(process.is_running() for process in family)


def define(settings: Settings) -> AgentDefinition:
    """Refuse to be an agent, and say what the environment of its process is."""
    environment = (os.environ.get(name) for name in ("OMP_NUM_THREADS", MARK))
    raise ConfigurationError(f"{settings.worker.id}: {' '.join(map(str, environment))}")


def test_an_agent_has_the_environment_of_its_own_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server was started in another one."""
    for name in ("OMP_NUM_THREADS", MARK):
        monkeypatch.delenv(name, raising=False)
    settings = settings.replace(worker={"id": "w"})
    with (
        Supervisor(settings, [SELF]) as supervisor,
        pytest.raises(ConfigurationError, match="w: 1 None"),
    ):
        supervisor.wait_ready()

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv(MARK, "set")
    with (
        Supervisor(settings, [SELF]) as supervisor,
        pytest.raises(ConfigurationError, match="w: 3 set"),
    ):
        supervisor.wait_ready()

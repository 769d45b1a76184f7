"""Agent processes that a test starts, kills, stops and wakes."""

import contextlib
import os
import signal
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from prometheus_client.parser import text_string_to_metric_families

from stream_app.settings import Settings
from stream_app.worker.fork_protocol import AgentStart
from stream_app.worker.forked_process import ForkedProcess, start_agent
from tests.support.system import fingerprint_agent
from tests.support.system.metrics_ports import HOST, free_first_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]
STOP_TIMEOUT_S = 15.0
AGENTS = ("transcribe", "detect_turns", "finalize")
LOG_TAIL = 4_000
METRICS_TIMEOUT_S = 30.0
LANE_FAULTS = ("duplicate_mismatch", "lane_holes", "missing_turns")


@dataclass
class AgentProcess:
    """One agent of one worker, as the supervisor would start it."""

    agent: str
    definition: str
    settings: Settings
    log: Path
    _process: ForkedProcess | None = field(default=None, repr=False)
    _report_fd: int = -1
    _report: bytes = b""

    @property
    def pid(self) -> int:
        """Process id, the last one if it has ended; 0 if it never ran."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_running(self) -> bool:
        """Whether the process is there, stopped or not."""
        return self._process is not None and self._process.exit_code is None

    @property
    def answers(self) -> bool:
        """Whether the process runs and was not stopped where it stands."""
        return self.is_running and psutil.Process(self.pid).status() != psutil.STATUS_STOPPED

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples that the agent serves under a name, with these labels."""
        url = f"http://{HOST}:{self.settings.metrics.port}/metrics"
        with urllib.request.urlopen(url, timeout=METRICS_TIMEOUT_S) as answer:
            families = [*text_string_to_metric_families(answer.read().decode())]
        values = [
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert values, f"{self.agent} serves no {name} with {labels}"
        return sum(values)

    @property
    def exit_code(self) -> int | None:
        """What the process ended with; None while it runs."""
        return self._process.exit_code if self._process is not None else None

    def memory_mb(self) -> int:
        """Return the resident memory of the process."""
        return int(psutil.Process(self.pid).memory_info().rss) // 2**20

    def launch(self) -> Self:
        """Start the process; `ready` waits for it."""
        report_fd, child_fd = os.pipe()
        os.set_blocking(report_fd, False)
        with self.log.open("ab") as log:
            self._process = start_agent(
                AgentStart(
                    agent=self.definition,
                    settings=self.settings.model_dump_json(),
                    report_fd=child_fd,
                    log_fd=log.fileno(),
                )
            )
        os.close(child_fd)
        self._report_fd, self._report = report_fd, b""
        return self

    async def ready(self) -> None:
        """Wait until the agent has its partitions."""
        await until(self._is_ready, lambda: f"ready {self.agent}: {self.tail()}")

    def kill(self) -> None:
        """End the process at once."""
        self._signal(signal.SIGKILL)
        self._reap(STOP_TIMEOUT_S)

    def freeze(self) -> None:
        """Stop the process where it stands, as a paused virtual machine would."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let a frozen process go on, unaware of the time that has passed."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask the process to stop in order; `close` waits for it."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def ended_after_s(self, since_s: float) -> float:
        """Return when a terminated process has ended, in seconds after a monotonic time."""
        assert self._reap(STOP_TIMEOUT_S), f"{self.agent} does not stop: {self.tail()}"
        return round(time.monotonic() - since_s, 1)

    def close(self) -> None:
        """Wait for a terminated process and kill it if it takes too long."""
        if not self._reap(STOP_TIMEOUT_S):
            self.kill()

    def peak_mib(self) -> int:
        """Return the most memory that the process has taken so far."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-LOG_TAIL:]

    def _is_ready(self) -> bool:
        assert self.is_running, f"{self.agent} ended: {self.tail()}"
        with contextlib.suppress(BlockingIOError):
            self._report += os.read(self._report_fd, 4096)
        return b"ready\n" in self._report

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(number)

    def _reap(self, timeout_s: float) -> bool:
        if self._process is None:
            return True
        if not self._process.wait(timeout_s):
            return False
        if self._report_fd >= 0:
            os.close(self._report_fd)
            self._report_fd = -1
        return True


class Fleet:
    """All agent processes of a test; none is left behind. Use it as a context manager.

    Args:
        settings: Of every worker.
        folder: Where the logs go.
        transcribe: Definition of the agent that transcribes.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        transcribe: str = fingerprint_agent.DEFINITION,
    ) -> None:
        self.settings = settings
        self._folder = folder
        self._definitions = {"transcribe": transcribe}
        self._agents: list[AgentProcess] = []

    def launch(self, agent: str, *, worker: str) -> AgentProcess:
        """Return an agent of a worker, started but perhaps not ready."""
        log = self._folder / f"{agent}-{worker}.log"
        port = self.settings.metrics.port or free_first_port()
        settings = self.settings.replace(worker={"id": worker}, metrics={"port": port})
        definition = self._definitions.get(agent, agent)
        process = AgentProcess(agent, definition, settings, log).launch()
        self._agents.append(process)
        return process

    async def start(self, *workers: str) -> dict[str, AgentProcess]:
        """Return the agents of workers, by ``worker.agent``, once all have their partitions."""
        wanted = [(worker, agent) for worker in workers for agent in AGENTS]
        processes = {f"{w}.{agent}": self.launch(agent, worker=w) for w, agent in wanted}
        for process in processes.values():
            await process.ready()
        return processes

    def assert_lanes_repeated(self) -> None:
        """Ask every agent that answers whether a deterministic lane was other than before."""
        for agent in self._agents:
            if agent.answers:
                for kind in LANE_FAULTS:
                    assert agent.metric("callstream_set_aside_total", kind=kind) == 0, kind

    def __enter__(self) -> Self:
        """Do nothing: agents are started one by one."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop all agents, print their logs for pytest to show on failure, leave no process."""
        for process in self._agents:
            process.terminate()
        for process in self._agents:
            process.close()
        for log in sorted(self._folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-LOG_TAIL:]}")
        left = [process.pid for process in self._agents if psutil.pid_exists(process.pid)]
        assert not left, f"left behind: {left}"

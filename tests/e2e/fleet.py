"""Agent processes that a test starts, kills, stops and wakes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from stream_app.settings import Settings
from tests.e2e import fingerprint_agent

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.05
AGENTS = ("transcribe", "detect_turns", "finalize")
DEFINITIONS = {"transcribe": fingerprint_agent.DEFINITION}
LOG_TAIL = 4_000


@dataclass
class AgentProcess:
    """One agent of one worker, as the supervisor would start it."""

    agent: str
    settings: Settings
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _report_fd: int = -1
    _report: bytes = b""

    @property
    def pid(self) -> int:
        """Process id, the last one if it has ended; 0 if it never ran."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_running(self) -> bool:
        """Whether the process is there, stopped or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What the process ended with; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def memory_mb(self) -> int:
        """Return the resident memory of the process."""
        return int(psutil.Process(self.pid).memory_info().rss) // 2**20

    def launch(self) -> Self:
        """Start the process; `ready` waits for it."""
        report_fd, child_fd = os.pipe()
        os.set_blocking(report_fd, False)
        name = DEFINITIONS.get(self.agent, self.agent)
        options = ["--agent", name, "--parent", str(os.getpid()), "--report-fd", str(child_fd)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "stream_app.agent_process", *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                pass_fds=(child_fd,),
                start_new_session=True,
            )
        os.close(child_fd)
        assert process.stdin is not None
        process.stdin.write(self.settings.model_dump_json().encode() + b"\n")
        process.stdin.close()
        self._process, self._report_fd, self._report = process, report_fd, b""
        return self

    async def ready(self) -> None:
        """Wait until the agent has its partitions."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while b"ready\n" not in self._report:
            assert self.is_running, f"{self.agent} ended: {self.tail()}"
            assert time.monotonic() < deadline, f"{self.agent} is not ready: {self.tail()}"
            try:
                self._report += os.read(self._report_fd, 4096)
            except BlockingIOError:
                await asyncio.sleep(POLL_S)

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

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(number)

    def _reap(self, timeout_s: float) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
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
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self._folder = folder
        self._agents: list[AgentProcess] = []

    def launch(self, agent: str, *, worker: str) -> AgentProcess:
        """Return an agent of a worker, started but perhaps not ready."""
        log = self._folder / f"{agent}-{worker}.log"
        settings = self.settings.replace(worker={"id": worker})
        process = AgentProcess(agent, settings, log).launch()
        self._agents.append(process)
        return process

    async def start(self, *workers: str) -> dict[str, AgentProcess]:
        """Return the agents of workers, by ``worker.agent``, once all have their partitions."""
        wanted = [(worker, agent) for worker in workers for agent in AGENTS]
        processes = {f"{w}.{agent}": self.launch(agent, worker=w) for w, agent in wanted}
        for process in processes.values():
            await process.ready()
        return processes

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
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-LOG_TAIL:]}")  # noqa: T201 - pytest shows it
        left = [process.pid for process in self._agents if psutil.pid_exists(process.pid)]
        assert not left, f"left behind: {left}"

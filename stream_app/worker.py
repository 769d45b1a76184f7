"""The supervisor of a worker: processes of one agent each, restarted when they end or freeze."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self

import structlog

from schemas.codec import encode_json
from schemas.errors import BrokerError, ConfigurationError
from stream_app.agent_process import MISCONFIGURED
from stream_app.agents import AGENTS
from stream_app.heartbeat import BEAT, Silence
from stream_app.quarantine import Quarantine
from stream_app.settings import Settings

POLL_S = 0.05
STOP_TIMEOUT_S = 15.0
FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 30.0
STEADY_AFTER_S = 60.0  # an agent that ran for so long starts again with the first backoff
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Agent:
    name: str
    settings: Settings
    process: subprocess.Popen[bytes] | None = None
    report_fd: int = -1
    is_ready: bool = False
    started_s: float = 0.0
    due_s: float = 0.0
    backoff_s: float = FIRST_BACKOFF_S
    failure: str = ""
    delay: str = ""
    report: bytearray = field(default_factory=bytearray)
    silence: Silence = field(default_factory=lambda: Silence(time.monotonic()))
    starts: int = 0
    frozen_kills: int = 0
    quarantine: Quarantine = field(default_factory=Quarantine)


class Supervisor:
    """Runs agents in processes of their own; use it as a context manager.

    The processes end with this one, however it ends.

    Args:
        settings: Handed to every agent.
        agents: Names from `AGENTS`; one that comes several times has as many processes, which
            share the partitions.
        log_file: Where the agents write their logs; by default this process's stderr.
    """

    def __init__(
        self,
        settings: Settings,
        agents: Sequence[str] = AGENTS,
        *,
        log_file: IO[bytes] | None = None,
    ) -> None:
        if not agents:
            raise ConfigurationError(f"no agent to run: choose from {', '.join(AGENTS)}")
        worker_id = settings.worker.id or f"{socket.gethostname()}-{secrets.token_hex(4)}"
        settings = settings.replace(worker={"id": worker_id})
        self._agents = tuple(
            _Agent(name, settings_of_process(settings, agents[:place].count(name)))
            for place, name in enumerate(agents)
        )
        self._log_file = log_file
        self._is_stopping = threading.Event()
        self._is_killing = False
        self._changed = threading.Condition()
        # the kernel ties a child to the thread that started it: one thread does, to the end
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    @property
    def failure(self) -> str:
        """Why an agent cannot run as configured; empty while none says so."""
        return next((agent.failure for agent in self._agents if agent.failure), "")

    @property
    def is_ready(self) -> bool:
        """Whether every agent has its partitions."""
        return all(agent.is_ready for agent in self._agents)

    def pid(self, name: str) -> int:
        """Return the process id of an agent, 0 while it does not run."""
        return self.pids(name)[0]

    def pids(self, name: str) -> tuple[int, ...]:
        """Return the ids of all processes of an agent, 0 for those that do not run."""
        processes = (agent.process for agent in self._agents if agent.name == name)
        return tuple(process.pid if process is not None else 0 for process in processes)

    def start(self) -> Self:
        """Start the agents; does not wait for them."""
        self._thread.start()
        return self

    def wait_ready(self, timeout_s: float = 120.0) -> None:
        """Wait until every agent has its partitions.

        Raises:
            ConfigurationError: An agent cannot run as configured.
            BrokerError: They are not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self.is_ready:
                if self.failure:
                    raise ConfigurationError(self.failure)
                if not self._changed.wait(deadline - time.monotonic()):
                    raise BrokerError(f"not ready after {timeout_s:.0f} s: {self._delays()}")

    def stop(self) -> None:
        """Stop all agents and wait for them; those that do not stop are killed."""
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def kill(self) -> None:
        """Kill all agents at once, as a failing machine would; they are not restarted."""
        self._is_killing = True
        self.stop()

    def __enter__(self) -> Self:
        """Start the agents."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the agents."""
        self.stop()

    def _delays(self) -> str:
        waiting = (agent for agent in self._agents if not agent.is_ready)
        return ", ".join(f"{a.name} ({a.delay})" if a.delay else a.name for a in waiting)

    def _supervise(self) -> None:
        while not self._is_stopping.wait(POLL_S):
            for agent in self._agents:
                self._look_after(agent)
        self._stop_all()

    def _look_after(self, agent: _Agent) -> None:
        self._read_report(agent)
        if agent.process is not None and agent.process.poll() is not None:
            self._note_end(agent, agent.process.returncode)
        elif agent.process is not None:
            self._end_if_frozen(agent, agent.process)
        if agent.process is None and not agent.failure and time.monotonic() >= agent.due_s:
            self._launch(agent)

    def _launch(self, agent: _Agent) -> None:
        report_fd, child_fd = os.pipe()
        os.set_blocking(report_fd, False)
        suspects = agent.quarantine.open()
        area_fd = agent.quarantine.descriptor
        command = [sys.executable, "-m", "stream_app.agent_process", "--agent", agent.name]
        options = ["--parent", str(os.getpid()), "--report-fd", str(child_fd)]
        options += ["--restarts", str(agent.starts), "--frozen-kills", str(agent.frozen_kills)]
        options += ["--area-fd", str(area_fd)]
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                [*command, *options],
                stdin=subprocess.PIPE,
                stderr=self._log_file,
                env={"OMP_NUM_THREADS": str(agent.settings.asr.threads), **os.environ},
                pass_fds=(child_fd, area_fd),
                start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on
            )
        finally:
            os.close(child_fd)
            agent.quarantine.close_descriptor()
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None  # noqa: S101 - asked for
            process.stdin.write(agent.settings.model_dump_json().encode() + b"\n")
            process.stdin.write(encode_json(suspects) + b"\n")
            process.stdin.close()
        agent.process, agent.report_fd = process, report_fd
        agent.started_s = time.monotonic()
        agent.silence = Silence(agent.started_s)
        agent.starts += 1
        log.info("agent.started", agent=agent.name, pid=process.pid)

    def _read_report(self, agent: _Agent) -> None:
        if agent.report_fd < 0:
            return
        with contextlib.suppress(BlockingIOError):
            agent.report += os.read(agent.report_fd, 4096)
        while b"\n" in agent.report:
            line, _, rest = agent.report.partition(b"\n")
            agent.report = rest
            word, _, reason = line.decode(errors="replace").partition(" ")
            agent.silence.hear()
            if word == BEAT:
                continue
            with self._changed:
                agent.is_ready = word == "ready"
                agent.failure = f"{agent.name}: {reason}" if word == "failed" else ""
                agent.delay = reason if word == "delayed" else ""
                self._changed.notify_all()

    def _end_if_frozen(self, agent: _Agent, process: subprocess.Popen[bytes]) -> None:
        worker = agent.settings.worker
        silent_s = agent.silence.look(time.monotonic())
        if silent_s <= (worker.max_silence_s if agent.is_ready else worker.max_start_s):
            return
        log.error("agent.frozen", agent=agent.name, pid=process.pid, silent_s=round(silent_s, 1))
        agent.frozen_kills += 1
        process.kill()
        process.wait()

    def _note_end(self, agent: _Agent, code: int) -> None:
        self._read_report(agent)
        os.close(agent.report_fd)
        ran_s = time.monotonic() - agent.started_s
        is_explained = agent.quarantine.note_end(
            is_clean=code in {0, MISCONFIGURED},
            was_ready=agent.is_ready,
            was_steady=ran_s > STEADY_AFTER_S,
        )
        if is_explained or ran_s > STEADY_AFTER_S:
            agent.backoff_s = FIRST_BACKOFF_S
        with self._changed:
            agent.process, agent.report_fd, agent.is_ready = None, -1, False
            agent.report.clear()
            if code == MISCONFIGURED and not agent.failure:
                agent.failure = f"{agent.name} cannot run as configured"
            self._changed.notify_all()
        agent.due_s = time.monotonic() + agent.backoff_s
        log.warning("agent.ended", agent=agent.name, code=code, restart_in_s=agent.backoff_s)
        agent.backoff_s = min(2 * agent.backoff_s, MAX_BACKOFF_S)

    def _stop_all(self) -> None:
        processes = [agent.process for agent in self._agents if agent.process is not None]
        for process in processes:
            process.send_signal(signal.SIGKILL if self._is_killing else signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # a stopped one would not hear it
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for agent in self._agents:
            if agent.report_fd >= 0:
                os.close(agent.report_fd)
            agent.process, agent.report_fd, agent.is_ready = None, -1, False


def settings_of_process(settings: Settings, number: int) -> Settings:
    """Return the settings of the ``number``-th process of an agent, counted from 0.

    Each has a worker id of its own, since no two members of a consumer group may share one, and
    serves its metrics behind those of all agents' earlier processes.
    """
    if number == 0:
        return settings
    port = settings.metrics.port and settings.metrics.port + number * len(AGENTS)
    worker_id = f"{settings.worker.id}.{number + 1}"
    return settings.replace(worker={"id": worker_id}, metrics={"port": port})


def run_worker(
    settings: Settings,
    agents: Sequence[str] = AGENTS,
    *,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Run agents until a signal comes; call it on the main thread.

    Args:
        settings: Of the worker.
        agents: See Supervisor.
        on_ready: Called once every agent has its partitions.

    Raises:
        ConfigurationError: An agent cannot run as configured.
    """
    stop = threading.Event()
    previous = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    try:
        with Supervisor(settings, agents) as supervisor:
            while not stop.wait(POLL_S):
                if supervisor.failure:
                    raise ConfigurationError(supervisor.failure)
                if on_ready is not None and supervisor.is_ready:
                    on_ready()
                    on_ready = None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""The supervisor of a worker: processes of one agent each, restarted when they end or freeze."""

import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, Self

from schemas.errors import BrokerError, ConfigurationError
from stream_app.agents.registry import AGENTS, DEFAULT_AGENTS
from stream_app.settings import Settings
from stream_app.worker.process_settings import settings_of_processes
from stream_app.worker.supervised_agent import SupervisedAgent

POLL_S = 0.05
STOP_TIMEOUT_S = 15.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Runs agents in processes of their own; use it as a context manager.

    The processes end with this one, however it ends.

    Args:
        settings: Handed to every agent.
        agents: Names as `define_agent` takes them; one that comes several times has as many
            processes, which share the partitions.
        log_file: Where the agents write their logs; by default this process's stderr.
    """

    def __init__(
        self,
        settings: Settings,
        agents: Sequence[str] = DEFAULT_AGENTS,
        *,
        log_file: IO[bytes] | None = None,
    ) -> None:
        if not agents:
            raise ConfigurationError(f"no agent to run: choose from {', '.join(AGENTS)}")
        worker_id = settings.worker.id or f"{socket.gethostname()}-{secrets.token_hex(4)}"
        settings = settings.replace(worker={"id": worker_id})
        self._is_stopping = threading.Event()
        self._is_killing = False
        self._changed = threading.Condition()
        self._agents = tuple(
            SupervisedAgent(name, own, self._changed, log_file)
            for name, own in zip(agents, settings_of_processes(settings, agents), strict=True)
        )
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
                    raise BrokerError(f"not ready after {timeout_s:.0f} s: {self.delays}")

    def stop(self) -> None:
        """Stop all agents and wait for them; those that do not stop are killed."""
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def kill(self) -> None:
        """Kill all agents at once, as the failure of a machine does; they are not restarted."""
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

    @property
    def delays(self) -> str:
        """The agents that are not ready, with what they reported last."""
        waiting = (agent for agent in self._agents if not agent.is_ready)
        return ", ".join(f"{a.name} ({a.delay})" if a.delay else a.name for a in waiting)

    def _supervise(self) -> None:
        while not self._is_stopping.wait(POLL_S):
            for agent in self._agents:
                agent.look_after()
        self._stop_all()

    def _stop_all(self) -> None:
        for agent in self._agents:
            agent.signal(signal.SIGKILL if self._is_killing else signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for agent in self._agents:
            agent.reap(deadline_s)


def run_worker(
    settings: Settings,
    agents: Sequence[str] = DEFAULT_AGENTS,
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

"""The system as in production, each part on its core: broker, agents, and what watches them.

The first processes of `transcribe` have a core each to themselves where there are enough; the
broker, the other agents and the benchmark itself, with its load generator, share the others.
"""

import asyncio
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

import psutil

from benchmarks.core.affinity import CAN_PIN, pin_process, pinned_to, usable_cores
from benchmarks.core.report import base_name
from benchmarks.live.agent_metrics import Reading, read_metrics
from schemas.errors import BrokerError
from stream_app.agents.registry import PORTS_PER_ROUND, metrics_ports
from stream_app.calls.transcribe.transcriber_state import AGENT as TRANSCRIBE
from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker, adapt_to_broker
from stream_app.transport.topics import create_topics
from stream_app.worker.supervisor import Supervisor

BENCHMARK = "benchmark"
BROKER = "broker"
READY_TIMEOUT_S = 180.0
AGENTS = ("transcribe", "detect_turns", "finalize")
FIRST_PORT, LAST_PORT = 19_400, 19_900


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What every process has used up to a moment.

    Attributes:
        at_s: A monotonic clock.
        cpu_s: By agent, and of the broker and the benchmark.
        memory_mb: Resident, likewise.
        metrics: By agent, of each of its processes.
        pids: Of all agents, to notice that one was restarted.
    """

    at_s: float
    cpu_s: dict[str, float]
    memory_mb: dict[str, float]
    metrics: dict[str, list[Reading]]
    pids: tuple[int, ...]


class LiveSystem:
    """Broker and agents for as long as the context lasts.

    Args:
        settings: Of the agents.
        bootstrap: A broker to use; without one the embedded broker is started.
        transcribe_processes: How many processes `transcribe` has.

    Attributes:
        settings: Of the agents, once it is prepared.
        own_cores: Cores that nothing but `transcribe` runs on; none if there are too few.
        other_cores: Cores of everything else.
        has_own_core: Whether that is how it is.
    """

    def __init__(
        self, settings: Settings, *, bootstrap: str = "", transcribe_processes: int = 1
    ) -> None:
        self._agents = (*(TRANSCRIBE,) * (transcribe_processes - 1), *AGENTS)
        self._wanted = settings
        self._bootstrap = bootstrap
        self._open = ExitStack()
        self._supervisor: Supervisor | None = None
        self._broker: EmbeddedBroker | None = None
        self.settings = settings
        self.has_own_core = False
        self.own_cores, self.other_cores = divide_cores(usable_cores(), transcribe_processes)

    @property
    def setup(self) -> dict[str, Any]:
        """What figures depend on besides the machine."""
        asr = self.settings.asr.model_dump(mode="json")
        return {
            "broker": self._bootstrap or "embedded",
            "partitions": self.settings.kafka.partitions,
            "asr": {**asr, "model": base_name(asr["model"])},
            "segments": self.settings.segments.model_dump(mode="json"),
            "transcribe_processes": self._agents.count(TRANSCRIBE),
            "transcribe_has_own_core": self.has_own_core,
            "cores_of_transcribe": self.own_cores,
            "cores_of_all_else": self.other_cores,
        }

    async def prepare(self, say: Callable[[str], None]) -> None:
        """Start everything and wait until all agents are ready.

        Raises:
            CallstreamError: Something does not start.
        """
        with pinned_to(self.other_cores):
            await self._start_broker(say)
        processes = self._agents.count(TRANSCRIBE)
        port = free_ports(PORTS_PER_ROUND * processes)
        self.settings = self.settings.replace(metrics={"port": port})
        await create_topics(self.settings.kafka)
        await self.restart(say)

    async def restart(self, say: Callable[[str], None]) -> None:
        """Start the agents, after an end to those that run.

        Raises:
            CallstreamError: They do not start.
        """
        if self._supervisor is not None:
            await asyncio.to_thread(self._supervisor.stop)
        say("starting the agents")
        log = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is one
        supervisor = Supervisor(self.settings, self._agents, log_file=log)
        self._supervisor = self._open.enter_context(supervisor)
        try:
            await asyncio.to_thread(supervisor.wait_ready, READY_TIMEOUT_S)
        except BrokerError as error:
            raise BrokerError(f"{error}; {_last_problem(log)}") from error
        self.pin()

    def pin(self) -> None:
        """Put every process on its cores, threads that were started since included."""
        if self._supervisor is None:
            return
        own = self.own_cores
        pinned = []
        for index, pid in enumerate(self._supervisor.pids(TRANSCRIBE)):
            cores = own[index : index + 1] or self.other_cores
            pinned.append(pin_process(pid, cores) and bool(own))
        for name in AGENTS:
            if name != TRANSCRIBE:
                for pid in self._supervisor.pids(name):
                    pin_process(pid, self.other_cores)
        self.has_own_core = bool(pinned) and all(pinned)

    def snapshot(self) -> Snapshot:
        """Return what has been used so far.

        Raises:
            BrokerError: An agent does not run.
        """
        supervisor = self._supervisor
        if supervisor is None:
            raise BrokerError("the agents have not been started")
        pids = {name: supervisor.pids(name) for name in AGENTS}
        if not all(all(own) for own in pids.values()):
            raise BrokerError("an agent ended while it was measured")
        watched = {**pids, BENCHMARK: (psutil.Process().pid,)}
        if self._broker is not None:
            watched[BROKER] = (self._broker.pid,)
        usages = {name: _usage(own) for name, own in watched.items()}
        return Snapshot(
            at_s=time.monotonic(),
            cpu_s={name: usage[0] for name, usage in usages.items()},
            memory_mb={name: usage[1] for name, usage in usages.items()},
            metrics={name: self._metrics(name, len(own)) for name, own in pids.items()},
            pids=tuple(pid for own in pids.values() for pid in own),
        )

    def _metrics(self, name: str, processes: int) -> list[Reading]:
        ports = metrics_ports(self.settings.metrics.port, [name] * processes)
        return [read_metrics(port) for port in ports]

    async def _start_broker(self, say: Callable[[str], None]) -> None:
        if self._bootstrap:
            kafka = {"bootstrap_servers": self._bootstrap}
            self.settings = await adapt_to_broker(self._wanted.replace(kafka=kafka))
            return
        say("starting the embedded broker (in memory)")
        self._broker = self._open.enter_context(EmbeddedBroker())
        self.settings = self._broker.settings(self._wanted)

    def __enter__(self) -> Self:
        """Return the system, without any of its parts."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything; no process is left."""
        self._open.close()


def _last_problem(log: IO[bytes]) -> str:
    """Return the last line that an agent wrote and that says what went wrong."""
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    problems = [line.strip() for line in lines if "Error" in line or '"error"' in line]
    return f"an agent says: {problems[-1]}" if problems else "the agents' log says nothing of it"


def _usage(pids: tuple[int, ...]) -> tuple[float, float]:
    cpu_s = memory_mb = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        times = process.cpu_times()
        cpu_s += times.user + times.system
        memory_mb += process.memory_info().rss / 1e6
    return cpu_s, memory_mb


def divide_cores(cores: tuple[int, ...], processes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the cores of `transcribe`, one a process, and those of everything else.

    Where there are too few, nothing has a core of its own and everything shares all.
    """
    if not CAN_PIN or len(cores) <= processes:
        return (), cores
    return cores[:processes], cores[processes:]


def free_ports(count: int) -> int:
    """Return the first of ``count`` free ports in a row.

    Raises:
        BrokerError: There are none.
    """
    for first in range(FIRST_PORT, LAST_PORT, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for n, each in enumerate(sockets):
                each.bind(("127.0.0.1", first + n))
        except OSError:
            continue
        else:
            return first
        finally:
            for each in sockets:
                each.close()
    raise BrokerError("no free ports for the metrics")

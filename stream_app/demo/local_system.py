"""A whole system on this machine: the embedded broker, the topics, the agents."""

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.errors import BrokerError, CallstreamError, ConfigurationError
from stream_app.agents.registry import DEFAULT_AGENTS
from stream_app.logs.logging import configure_logging
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.topics import create_topics
from stream_app.worker.supervisor import Supervisor

PARTITIONS = 2
READY_TIMEOUT_S = 180.0  # loading weights takes a while on a busy machine
MAX_STARTS = 3  # of one agent; an agent that needs more is broken
_LOOK_EVERY_S = 0.1
_BROKER_CHECK_S = 1.0
_LOOPBACK_TIMEOUT_S = 1.0


class LocalSystem:
    """Broker, topics and agents, running as long as the context lasts.

    The agents' logs go to a file that is kept if they fail.

    Args:
        settings: Of the agents; those of the broker are replaced.
        agents: Their names.
    """

    def __init__(self, settings: Settings, agents: Sequence[str] = DEFAULT_AGENTS) -> None:
        self._settings = settings
        self._agents = tuple(agents)
        self._open = ExitStack()
        self._starts = {name: _Starts() for name in agents}
        self._supervisor: Supervisor | None = None
        self._log: Path | None = None
        self._broker_checked_s = 0.0

    @property
    def kafka(self) -> KafkaSettings:
        """How to reach the broker."""
        return self._settings.kafka

    async def prepare(self, say: Callable[[str], None]) -> None:
        """Start everything and wait until all agents are ready.

        Raises:
            CallstreamError: Something does not start; the message says what.
        """
        say("starting the embedded broker (in memory)")
        broker = self._open.enter_context(EmbeddedBroker())
        self._settings = broker.settings(self._settings).replace(
            kafka={"partitions": PARTITIONS},
            metrics={"port": 0},  # a worker of this host may have the ports
        )
        say("creating the topics")
        await create_topics(self._settings.kafka)
        say(f"starting the agents: {', '.join(self._agents)}")
        self._supervisor = self._open.enter_context(self._supervised())
        await self._await_ready(say)

    def check(self) -> None:
        """Do nothing while the agents run.

        Raises:
            ConfigurationError: An agent cannot run as configured.
            CallstreamError: An agent ends again and again.
        """
        if self._supervisor is None:
            return
        self._check_broker()
        if self._supervisor.failure:
            raise ConfigurationError(self._supervisor.failure)
        for name, starts in self._starts.items():
            starts.note(self._supervisor.pid(name))
            if starts.count > MAX_STARTS:
                message = f"the agent {name} ends again and again; see {self._kept_log()}"
                raise CallstreamError(message)

    def _check_broker(self) -> None:
        now_s = time.monotonic()
        if now_s < self._broker_checked_s + _BROKER_CHECK_S:
            return
        self._broker_checked_s = now_s
        host, _, port = self.kafka.bootstrap_servers.partition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_LOOPBACK_TIMEOUT_S).close()
        except OSError as error:
            raise BrokerError("the embedded broker ended by itself") from error

    def _supervised(self) -> Supervisor:
        descriptor, name = tempfile.mkstemp(prefix="callstream-demo-", suffix=".log")
        log = self._open.enter_context(os.fdopen(descriptor, "wb"))
        self._log = Path(name)
        own_lines = self._open.enter_context(self._log.open("a"))
        worker = self._settings.worker
        configure_logging(worker.log_level, worker.log_format, stream=own_lines)
        return Supervisor(self._settings, self._agents, log_file=log)

    async def _await_ready(self, say: Callable[[str], None]) -> None:
        supervisor = self._supervisor
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while supervisor is not None and not supervisor.is_ready:
                    self.check()
                    say(f"waiting for {', '.join(self._agents)} to load their models and join")
                    await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError as error:
            message = f"the agents were not ready in {READY_TIMEOUT_S:.0f} s"
            raise BrokerError(f"{message}; see {self._kept_log()}") from error

    def _kept_log(self) -> Path | None:
        path, self._log = self._log, None
        return path

    def __enter__(self) -> Self:
        """Return the system; `prepare` starts it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything; no process is left."""
        self._open.close()
        if self._log is not None:
            self._log.unlink(missing_ok=True)


class _Starts:
    """How often an agent was started, counted by its process ids."""

    def __init__(self) -> None:
        self.count = 0
        self._pid = 0

    def note(self, pid: int) -> None:
        """Take the present process id, 0 without a process."""
        if pid not in (0, self._pid):
            self.count += 1
            self._pid = pid

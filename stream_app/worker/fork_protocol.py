"""What a worker and the fork server of its agents say to each other on a stream socket.

The worker sends an `AgentStart` for each process that it wants: its length (4 bytes, big-endian),
which copies of its descriptors accompany, then the start as pickle: both ends are this code of one
user, and an environment need not be text. The server answers with a `Reply` (9 bytes), and sends
another one when the process has ended.
"""

import os
import pickle
import select
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

from stream_app.runtime.memory.under_way import Suspects

NOTHING = -1

_LENGTH = struct.Struct("!I")
_REPLY = struct.Struct("!?ii")
_MAX_DESCRIPTORS = 3


@dataclass(frozen=True, kw_only=True)
class AgentStart:
    """What an agent's process is told at its start.

    Attributes:
        agent: A name as `define_agent` takes it.
        settings: As JSON, with the metrics port of this process alone.
        report_fd: Where it says how it is; see `agent_process`.
        log_fd: Where its log goes.
        area_fd: Memory that outlives it, for what it has under way; `NOTHING` for none.
        suspects: What the deaths of earlier processes left to be suspected.
        restarts: Of this agent so far.
        frozen_kills: Those among them of a process that said nothing.
        threads: Of numerical libraries, unless the environment says it.
        environment: Variables; by default those of the process that asks for it.
        directory: To work in; by default that of the process that asks for it.
    """

    agent: str
    settings: str
    report_fd: int
    log_fd: int
    area_fd: int = NOTHING
    suspects: Suspects = field(default_factory=Suspects)
    restarts: int = 0
    frozen_kills: int = 0
    threads: int = 1
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    directory: str = field(default_factory=os.getcwd)

    @property
    def descriptors(self) -> list[int]:
        """Those that the process gets a copy of."""
        every = (self.report_fd, self.log_fd, self.area_fd)
        return [descriptor for descriptor in every if descriptor != NOTHING]

    def send(self, server: socket.socket) -> None:
        """Send this, and copies of the descriptors.

        Raises:
            OSError: Nobody is there.
        """
        body = pickle.dumps(self)
        socket.send_fds(server, [_LENGTH.pack(len(body))], self.descriptors)
        server.sendall(body)

    @classmethod
    def receive(cls, worker: socket.socket) -> "AgentStart":
        """Return the next one, with descriptors of this process.

        Raises:
            EOFError: The worker is gone.
        """
        head, descriptors, _, _ = socket.recv_fds(worker, _LENGTH.size, _MAX_DESCRIPTORS)
        (length,) = _LENGTH.unpack(head + _read(worker, _LENGTH.size - len(head)))
        start: AgentStart = pickle.loads(_read(worker, length))  # noqa: S301 - see above
        report_fd, log_fd, area_fd = (*descriptors, NOTHING)[:_MAX_DESCRIPTORS]
        return replace(start, report_fd=report_fd, log_fd=log_fd, area_fd=area_fd)


class Reply(NamedTuple):
    """What the server says of one process.

    Attributes:
        is_end: Of a process that had started; else an `AgentStart` is answered.
        pid: Its process id, 0 if it could not be started.
        code: The exit code, or minus the number of the signal that ended it; the error number if it
            could not be started.
    """

    is_end: bool
    pid: int
    code: int

    def send(self, worker: socket.socket) -> None:
        """Send this.

        Raises:
            OSError: The worker is gone.
        """
        worker.sendall(_REPLY.pack(*self))

    @classmethod
    def receive(cls, server: socket.socket) -> Self:
        """Return the next one.

        Raises:
            EOFError: The server is gone.
            OSError: The same.
        """
        return cls(*_REPLY.unpack(_read(server, _REPLY.size)))


def is_readable(connection: socket.socket, timeout_ms: int = 0) -> bool:
    """Return whether something has come, or the other end has gone; waits for it."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(timeout_ms))


def _read(sender: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = sender.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)

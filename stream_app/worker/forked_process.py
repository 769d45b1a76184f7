"""Processes of agents, as the worker sees them that has its fork server start them (ADR 59)."""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from stream_app.worker.fork_protocol import AgentStart, Reply, is_readable

LOOK_S = 0.01
KILL_TIMEOUT_S = 5.0
START_TIMEOUT_S = 60.0  # imports on a busy machine


class ForkedProcess:
    """One process that the server has forked.

    Attributes:
        pid: Its process id.
    """

    def __init__(self, pid: int, server: "ForkServer") -> None:
        self.pid = pid
        self._server = server
        self._code: int | None = None

    @property
    def exit_code(self) -> int | None:
        """What it ended with, minus the number of a signal that ended it; None while it runs."""
        if self._code is None:
            self._server.note_replies()
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Return whether the process ends in time."""
        deadline_s = time.monotonic() + timeout_s
        while self.exit_code is None and time.monotonic() < deadline_s:
            time.sleep(LOOK_S)
        return self.exit_code is not None

    def kill(self) -> None:
        """End the process at once, and wait for that; a server that does not tell ends too."""
        self.send_signal(signal.SIGKILL)
        if not self.wait(KILL_TIMEOUT_S):
            self._server.close()

    def note_end(self, code: int) -> None:
        """Take down what the server says of the end."""
        self._code = code


class ForkServer:
    """The server of this process, which starts with the first agent and again if it has ended.

    Any thread may use it. The processes end with the server, and the server with this process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._running: dict[int, ForkedProcess] = {}

    def start(self, start: AgentStart) -> ForkedProcess:
        """Return a new process.

        Raises:
            OSError: None can be had at present.
        """
        with self._lock:
            self._note_replies()
            server = self._socket or self._launch()
            try:
                start.send(server)
                while (reply := Reply.receive(server)).is_end:
                    self._note(reply)
            except (EOFError, OSError) as error:
                self._end_server()
                raise OSError("the fork server has ended") from error
            if not reply.pid:
                raise OSError(reply.code, os.strerror(reply.code))
            process = ForkedProcess(reply.pid, self)
            self._running[reply.pid] = process
            return process

    def note_replies(self) -> None:
        """Take down which processes have ended."""
        with self._lock:
            self._note_replies()

    def close(self) -> None:
        """End the server, and with it the agents that still run."""
        with self._lock:
            if self._server is not None:
                self._end_server()

    def _note_replies(self) -> None:
        try:
            while self._socket is not None and is_readable(self._socket):
                self._note(Reply.receive(self._socket))
        except (EOFError, OSError):
            self._end_server()

    def _note(self, reply: Reply) -> None:
        process = self._running.pop(reply.pid, None)
        if process is not None:
            process.note_end(reply.code)

    def _end_server(self) -> None:
        """The agents end with their server; each can be started again at once."""
        assert self._server is not None
        assert self._socket is not None
        self._socket.close()
        self._server.kill()
        self._server.wait()
        self._server = self._socket = None
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)  # where no kernel does it
            process.note_end(-signal.SIGKILL)
        self._running.clear()

    def _launch(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "stream_app.worker.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a Ctrl-C in the terminal is for the worker to pass on
            )
        ours.settimeout(START_TIMEOUT_S)
        self._socket = ours
        return ours


_server = ForkServer()
atexit.register(_server.close)


def start_agent(start: AgentStart) -> ForkedProcess:
    """Return a new process, which ends when this one ends.

    Raises:
        OSError: None can be had at present.
    """
    return _server.start(start)

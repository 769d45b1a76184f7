"""The process that agents are forked from: it has imported what all of them need (ADR 59).

Runs as ``python -m stream_app.worker.fork_server DESCRIPTOR``, a socket on which `fork_protocol` is
spoken. It ends when the worker has closed the other end, and the agents end with it.

Nothing here may start a thread or load a numerical library: neither outlives a fork unharmed.
"""

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Iterator

import mode.loop
from setproctitle import setproctitle

from stream_app.worker.agent_process import HELD_BACK, run_agent
from stream_app.worker.fork_protocol import AgentStart, Reply, is_readable

NEEDED = (
    "stream_app.runtime.agent_runtime",
    "stream_app.transport.layout",
    "stream_app.transport.topics",
    "stream_app.worker.app",
)
POLL_MS = 50


def main() -> None:
    """Serve until the worker is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    _import_what_is_needed()
    setproctitle("callstream fork server")
    with socket.socket(fileno=int(sys.argv[1])) as worker:
        _serve(worker)


def _serve(worker: socket.socket) -> None:
    while True:
        replies = [*_ended()]
        if is_readable(worker, POLL_MS):
            try:
                start = AgentStart.receive(worker)
            except EOFError:
                return
            replies.append(_fork(start, worker))
        with contextlib.suppress(ConnectionError):  # its end is read next
            for reply in replies:
                reply.send(worker)


def _import_what_is_needed() -> None:
    with contextlib.suppress(ImportError):
        mode.loop.use("uvloop")  # before anything of Faust is imported
    for name in NEEDED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in an agent would write to every page that it shares with others


def _fork(start: AgentStart, worker: socket.socket) -> Reply:
    server = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        return Reply(is_end=False, pid=0, code=error.errno or 0)
    if pid == 0:
        worker.close()
        run_agent(start, server)
    for descriptor in start.descriptors:
        os.close(descriptor)
    return Reply(is_end=False, pid=pid, code=0)


def _ended() -> Iterator[Reply]:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            yield Reply(is_end=True, pid=pid, code=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()

"""The fork server holds nothing that a fork harms, and says why a process cannot be had."""

import errno
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stream_app.worker.fork_protocol import NOTHING, AgentStart, Reply
from stream_app.worker.forked_process import ForkServer

NUMERICAL = ("numpy", "onnxruntime", "torch", "soxr", "scipy")


def test_what_the_server_imports_starts_no_thread_and_no_numerical_library() -> None:
    code = (
        "import os, sys; from stream_app.worker.fork_server import _import_what_is_needed;"
        "_import_what_is_needed(); print(len(os.listdir('/proc/self/task')));"
        f"print([name for name in {NUMERICAL} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout.splitlines() == ["1", "[]"]


def test_a_start_arrives_with_copies_of_its_descriptors(tmp_path: Path) -> None:
    worker, server = socket.socketpair()
    with worker, server, (tmp_path / "report").open("wb") as report:
        start = AgentStart(
            agent="finalize",
            settings="{}",
            report_fd=report.fileno(),
            log_fd=2,
            environment={"LATIN": os.fsdecode(b"\xe9")},
        )
        start.send(worker)
        received = AgentStart.receive(server)
        os.write(received.report_fd, b"ready")
        for descriptor in received.descriptors:
            os.close(descriptor)

    assert (tmp_path / "report").read_bytes() == b"ready"
    assert received.area_fd == NOTHING
    assert received.environment == start.environment


def test_a_worker_that_goes_in_the_middle_of_a_start_is_an_end() -> None:
    worker, server = socket.socketpair()
    with server:
        worker.sendall(b"\x00")
        worker.close()
        with pytest.raises(EOFError):
            AgentStart.receive(server)


def test_no_process_to_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the system has no more room for processes; another try may have it."""
    worker, server = socket.socketpair()
    forking = ForkServer()
    monkeypatch.setattr(forking, "_socket", worker)

    def answer() -> None:
        AgentStart.receive(server)
        Reply(is_end=True, pid=7, code=0).send(server)
        Reply(is_end=False, pid=0, code=errno.EAGAIN).send(server)

    with worker, server, ThreadPoolExecutor(1) as thread:
        answering = thread.submit(answer)
        start = AgentStart(agent="finalize", settings="{}", report_fd=2, log_fd=2)
        with pytest.raises(BlockingIOError, match="temporarily unavailable"):
            forking.start(start)
        answering.result()

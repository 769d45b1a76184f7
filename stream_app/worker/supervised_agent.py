"""One agent under a supervisor: its process, what the process reports, and when it starts again."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO

import structlog

from schemas.codec import encode_json
from stream_app.agents.registry import thread_count
from stream_app.runtime.memory.under_way import Suspects
from stream_app.settings import Settings
from stream_app.worker.agent_process import MISCONFIGURED
from stream_app.worker.heartbeat import BEAT, Silence
from stream_app.worker.quarantine import Quarantine

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 30.0
STEADY_AFTER_S = 60.0  # an agent that ran for longer starts again with the first backoff

log = structlog.get_logger(__name__)


class SupervisedAgent:
    """The processes of an agent, one after another; all of it on the supervisor's thread.

    Args:
        name: Of the agent.
        settings: Of its process.
        changed: Notified when readiness, failure or delay change.
        log_file: Where the process writes its log; by default this process's stderr.

    Attributes:
        process: The present one, None while it waits to be started.
        is_ready: Whether it has reported its partitions.
        failure: Why it cannot run as configured; it is not started again then.
        delay: Why it was not ready, as it reported last.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        changed: threading.Condition,
        log_file: IO[bytes] | None = None,
    ) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.is_ready = False
        self.failure = ""
        self.delay = ""
        self.silence = Silence(time.monotonic())
        self.frozen_kills = 0
        self.report_fd = -1
        self._settings = settings
        self._changed = changed
        self._log_file = log_file
        self._quarantine = Quarantine()
        self._report = bytearray()
        self._started_s = 0.0
        self._due_s = 0.0
        self._backoff_s = FIRST_BACKOFF_S
        self._starts = 0

    def look_after(self) -> None:
        """Read reports, note an end, kill a frozen process, start the next one when it is due."""
        self._read_report()
        if self.process is not None and self.process.poll() is not None:
            self._note_end(self.process.returncode)
        elif self.process is not None:
            self._end_if_frozen(self.process)
        if self.process is None and not self.failure and time.monotonic() >= self._due_s:
            self._launch()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one; also to one that was stopped."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)

    def reap(self, deadline_s: float) -> None:
        """Wait for the end of the process; at a monotonic time it is killed."""
        if self.process is not None:
            try:
                self.process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.report_fd >= 0:
            os.close(self.report_fd)
        self.process, self.report_fd, self.is_ready = None, -1, False

    def _launch(self) -> None:
        report_fd, child_fd = os.pipe()
        os.set_blocking(report_fd, False)
        suspects = self._quarantine.open()
        try:
            process = self._process(child_fd)
        finally:
            os.close(child_fd)
            self._quarantine.close_descriptor()
        self._hand_over(process, suspects)
        self.process, self.report_fd = process, report_fd
        self._started_s = time.monotonic()
        self.silence = Silence(self._started_s)
        self._starts += 1
        log.info("agent.started", agent=self.name, pid=process.pid)

    def _process(self, child_fd: int) -> subprocess.Popen[bytes]:
        area_fd = self._quarantine.descriptor
        command = [sys.executable, "-m", "stream_app.worker.agent_process", "--agent", self.name]
        options = ["--parent", str(os.getpid()), "--report-fd", str(child_fd)]
        options += ["--restarts", str(self._starts), "--frozen-kills", str(self.frozen_kills)]
        options += ["--area-fd", str(area_fd)]
        threads = thread_count(self.name, self._settings)
        return subprocess.Popen(  # noqa: S603 - our own module
            [*command, *options],
            stdin=subprocess.PIPE,
            stderr=self._log_file,
            env={"OMP_NUM_THREADS": str(threads), **os.environ},
            pass_fds=(child_fd, area_fd),
            start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on
        )

    def _hand_over(self, process: subprocess.Popen[bytes], suspects: Suspects) -> None:
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.write(self._settings.model_dump_json().encode() + b"\n")
            process.stdin.write(encode_json(suspects) + b"\n")
            process.stdin.close()

    def _read_report(self) -> None:
        if self.report_fd < 0:
            return
        with contextlib.suppress(BlockingIOError):
            self._report += os.read(self.report_fd, 4096)
        while b"\n" in self._report:
            line, _, rest = self._report.partition(b"\n")
            self._report = rest
            word, _, reason = line.decode(errors="replace").partition(" ")
            self.silence.hear()
            if word == BEAT:
                continue
            with self._changed:
                self.is_ready = word == "ready"
                self.failure = f"{self.name}: {reason}" if word == "failed" else ""
                self.delay = reason if word == "delayed" else ""
                self._changed.notify_all()

    def _end_if_frozen(self, process: subprocess.Popen[bytes]) -> None:
        worker = self._settings.worker
        silent_s = self.silence.look(time.monotonic())
        if silent_s <= (worker.max_silence_s if self.is_ready else worker.max_start_s):
            return
        log.error("agent.frozen", agent=self.name, pid=process.pid, silent_s=round(silent_s, 1))
        self.frozen_kills += 1
        process.kill()
        process.wait()

    def _note_end(self, code: int) -> None:
        self._read_report()
        os.close(self.report_fd)
        ran_s = time.monotonic() - self._started_s
        is_explained = self._quarantine.note_end(
            is_clean=code in {0, MISCONFIGURED},
            was_ready=self.is_ready,
            was_steady=ran_s > STEADY_AFTER_S,
        )
        if is_explained or ran_s > STEADY_AFTER_S:
            self._backoff_s = FIRST_BACKOFF_S
        with self._changed:
            self.process, self.report_fd, self.is_ready = None, -1, False
            self._report.clear()
            if code == MISCONFIGURED and not self.failure:
                self.failure = f"{self.name} cannot run as configured"
            self._changed.notify_all()
        if self.failure:
            log.error("agent.ended", agent=self.name, code=code, reason=self.failure)
            return
        self._due_s = time.monotonic() + self._backoff_s
        log.warning("agent.ended", agent=self.name, code=code, restart_in_s=self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, MAX_BACKOFF_S)

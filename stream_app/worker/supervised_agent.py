"""One agent under a supervisor: its process, what the process reports, and when it starts again."""

import contextlib
import os
import signal
import threading
import time
from typing import IO

import structlog

from stream_app.agents.registry import thread_count
from stream_app.runtime.memory.under_way import Suspects
from stream_app.settings import Settings
from stream_app.worker.agent_process import MISCONFIGURED, STDERR
from stream_app.worker.fork_protocol import AgentStart
from stream_app.worker.forked_process import ForkedProcess, start_agent
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
        self.process: ForkedProcess | None = None
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
        if self.process is not None and self.process.exit_code is not None:
            self._note_end(self.process.exit_code)
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
        if self.process is not None and not self.process.wait(deadline_s - time.monotonic()):
            self.process.kill()
        if self.report_fd >= 0:
            os.close(self.report_fd)
        self.process, self.report_fd, self.is_ready = None, -1, False

    def _launch(self) -> None:
        report_fd, child_fd = os.pipe()
        os.set_blocking(report_fd, False)
        suspects = self._quarantine.open()
        try:
            process = self._start(child_fd, suspects)
        except OSError as error:
            os.close(report_fd)
            again_s = self._backoff_s
            log.warning("agent.delayed", agent=self.name, reason=str(error), restart_in_s=again_s)
            self._wait_to_start()
            return
        finally:
            os.close(child_fd)
            self._quarantine.close_descriptor()
        self.process, self.report_fd = process, report_fd
        self._started_s = time.monotonic()
        self.silence = Silence(self._started_s)
        self._starts += 1
        log.info("agent.started", agent=self.name, pid=process.pid)

    def _start(self, report_fd: int, suspects: Suspects) -> ForkedProcess:
        return start_agent(
            AgentStart(
                agent=self.name,
                settings=self._settings.model_dump_json(),
                report_fd=report_fd,
                log_fd=self._log_file.fileno() if self._log_file is not None else STDERR,
                area_fd=self._quarantine.descriptor,
                suspects=suspects,
                restarts=self._starts,
                frozen_kills=self.frozen_kills,
                threads=thread_count(self.name, self._settings),
            )
        )

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

    def _end_if_frozen(self, process: ForkedProcess) -> None:
        worker = self._settings.worker
        silent_s = self.silence.look(time.monotonic())
        if silent_s <= (worker.max_silence_s if self.is_ready else worker.max_start_s):
            return
        log.error("agent.frozen", agent=self.name, pid=process.pid, silent_s=round(silent_s, 1))
        self.frozen_kills += 1
        process.kill()

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
        log.warning("agent.ended", agent=self.name, code=code, restart_in_s=self._backoff_s)
        self._wait_to_start()

    def _wait_to_start(self) -> None:
        self._due_s = time.monotonic() + self._backoff_s
        self._backoff_s = min(2 * self._backoff_s, MAX_BACKOFF_S)

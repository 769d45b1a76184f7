"""The HTTP server as a process, with the model of the tests, and curl."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_app.settings import KafkaSettings, Settings
from tests.support.system.command_line import CALLSTREAM, environment

ROOT = Path(__file__).parents[3]
LIMIT_S = 60.0
NO_BROKER = Settings().replace(kafka={"bootstrap_servers": "127.0.0.1:1"}).kafka


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def curl(self, path: str, *arguments: str) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        command = ["curl", "--silent", "--max-time", "30", "-w", "\n%{http_code}"]
        answer = subprocess.run(
            [*command, *arguments, f"{self.url}{path}"], capture_output=True, check=True
        ).stdout
        body, _, status = answer.rpartition(b"\n")
        return int(status), body

    def post(self, path: str, body: str) -> tuple[int, bytes]:
        """Return status and body, as the documents use curl."""
        return self.curl(path, *("-X", "POST", "-H", "Content-Type: application/json", "-d", body))

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Return exit code and log after a signal."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, log


@contextmanager
def running(kafka: KafkaSettings, *, models: str = "", **api: str) -> Iterator[Server]:
    """A server on a free port.

    Args:
        kafka: Its brokers.
        models: ``label set=manifest`` of what `callstream serve` answers with; without it, the
            process of `tests.support.served_words`.
        api: Settings of it.
    """
    names = {f"CALLSTREAM_API__{name.upper()}": value for name, value in api.items()}
    command = [sys.executable, "-m", "tests.support.served_words", "0"]
    if models:
        command = [CALLSTREAM, "serve", "--port", "0"]
        names["CALLSTREAM_CLASSIFICATION__MODELS"] = models
        names["CALLSTREAM_CLASSIFICATION__LABEL_SET"] = models.partition("=")[0]
        names["CALLSTREAM_CLASSIFICATION__REFRESH_S"] = "0.2"
    process = subprocess.Popen(
        command,
        env={**environment(kafka), **names, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        ready = next((line for line in lines if line.startswith("ready: ")), "")
        assert ready, "the server ended"
        yield Server(process, ready.removeprefix("ready: ").strip())
    finally:
        process.kill()
        process.communicate()

"""The README's section for one's own calls, typed as it stands there."""

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile

from tests.support.calls.recorded_calls import RATE_HZ, demo_audio
from tests.support.markdown import Page, read_page
from tests.support.models.micro import MICRO
from tests.support.system.command_line import CALLSTREAM, TIMEOUT_S
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
HEADING = "## Running it on your calls"
README_PORT = "9092"
STRETCH_S = (20, 24)
STAY = {
    "broker": "embedded broker at",
    "worker": "ready",
    "watch": "",
}  # what each says once it is up
STOP_TIMEOUT_S = 30.0


def typed_commands() -> list[list[str]]:
    """Return the words of our commands in the block of the section, in their order."""
    page = read_page(ROOT / "README.md", ROOT)
    section = HEADING + page.text.partition(HEADING)[2].partition("\n## ")[0]
    return [words for words in Page(page.name, section).commands if words[0] == "callstream"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the commands name: a folder of recordings, and two mono files."""
    start, end = (second * RATE_HZ for second in STRETCH_S)
    audio = demo_audio()[start:end]
    (tmp_path / "recordings").mkdir()
    soundfile.write(tmp_path / "recordings" / "order.wav", audio, RATE_HZ, subtype="PCM_16")
    for index, party in enumerate(("agent", "customer")):
        soundfile.write(tmp_path / f"{party}.wav", audio[:, index], RATE_HZ, subtype="PCM_16")
    return tmp_path


def test_the_commands_for_ones_own_calls_show_finalized_calls(folder: Path) -> None:
    """Each command runs in the README's order, on another port, those that stay beside the rest."""
    commands = typed_commands()
    assert {words[1] for words in commands} == {*STAY, "topics", "replay"}

    with typing(folder, str(_free_port())) as terminal:
        for words in commands:
            terminal.type(words)
        terminal.await_line("watch", "finalized", times=2)


class Terminal:
    """Runs commands in a folder, each with an output of its own.

    Args:
        folder: Where they run.
        port: Of the broker, in place of the README's.
    """

    def __init__(self, folder: Path, port: str) -> None:
        self._folder = folder
        self._port = port
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def type(self, words: list[str]) -> None:
        """Run a command to its end; or until it is up, if it is one of those that stay."""
        name = words[1]
        arguments = [each.replace(README_PORT, self._port) for each in words[1:]]
        with self._output(name).open("ab") as output:
            process = subprocess.Popen(
                [CALLSTREAM, *arguments],
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if name in STAY:
            self._running[name] = process
            self.await_line(name, STAY[name])
        else:
            assert process.wait(TIMEOUT_S) == 0, f"{shlex.join(words)}: {self.read(name)}"

    def await_line(self, name: str, text: str, *, times: int = 1) -> None:
        """Wait until a command in the foreground has written a text that often."""

        def has_written() -> bool:
            has_ended = self._running[name].poll() is not None
            is_there = self.read(name).count(text) >= times
            assert is_there or not has_ended, self.read(name)
            return is_there

        wait_until(has_written, lambda: f"{text}: {self.read(name)}", limit_s=TIMEOUT_S)

    def read(self, name: str) -> str:
        """Return what a command has written."""
        return self._output(name).read_text()[-6000:]

    def close(self) -> None:
        """End the commands that stay, the last one first."""
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_TIMEOUT_S)

    @property
    def _environment(self) -> dict[str, str]:
        settings = {
            "CALLSTREAM_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{self._port}",
            "CALLSTREAM_METRICS__PORT": "0",
            "CALLSTREAM_ASR__MODEL": MICRO,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        }
        return {**os.environ, **settings}

    def _output(self, name: str) -> Path:
        return self._folder / f"{name}.out"


@contextmanager
def typing(folder: Path, port: str) -> Iterator[Terminal]:
    """Yield a terminal whose commands are ended afterwards."""
    terminal = Terminal(folder, port)
    try:
        yield terminal
    finally:
        terminal.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])

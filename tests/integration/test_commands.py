"""Every command that touches a broker, once on each kind of broker: words and exit codes."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil
import pytest
import soundfile

from schemas import catalogue
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport import topics
from tests.kafka.admin import existing
from tests.support.calls.recorded_calls import RATE_HZ, demo_audio
from tests.support.system.agent_processes import agents_of
from tests.support.system.command_line import CALLSTREAM, callstream, environment
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
LIMIT_S = 120.0
STRETCH_S = (20, 28)
PREFIX = "team-a."  # nothing has the plain names then, so that no command may ask for them
ON_KAFKA = pytest.param("kafka", marks=pytest.mark.kafka)


class Command:
    """A command that runs until it is told to stop; its output goes to files."""

    def __init__(self, kafka: KafkaSettings, folder: Path, *arguments: str, **worker: str) -> None:
        names = {f"CALLSTREAM_WORKER__{name.upper()}": value for name, value in worker.items()}
        self.out, self.err = (folder / f"{time.monotonic_ns()}.{kind}" for kind in ("out", "err"))
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [CALLSTREAM, *arguments],
                env={**environment(kafka), **names},
                stdout=out,
                stderr=err,
            )

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds while the command runs."""

        def holds() -> bool:
            has_ended = self.process.poll() is not None
            is_true = condition()
            assert is_true or not has_ended, f"no {what}: {self.err.read_text()[-3000:]}"
            return is_true

        wait_until(holds, lambda: f"{what}: {self.err.read_text()[-3000:]}", limit_s=LIMIT_S)

    def until_ready(self) -> None:
        """Wait until a worker says that it is ready."""
        self.until(lambda: b"ready" in self.err.read_bytes().split(), "ready worker")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Return the exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)

    def events(self, name: str) -> list[dict[str, object]]:
        """Return the logged events of a name."""
        lines = [line for line in self.err.read_bytes().splitlines() if line.startswith(b"{")]
        return [event for event in map(orjson.loads, lines) if event["event"] == name]

    def agents(self) -> set[int]:
        """Return the process ids of the agents that the command has started."""
        return set(agents_of(psutil.Process(self.process.pid)))


@contextmanager
def running(command: Command) -> Iterator[Command]:
    """A command of which no process is left, whatever happens."""
    try:
        yield command
    finally:
        if command.process.poll() is None:
            family = [psutil.Process(command.process.pid)]
            family += family[0].children(recursive=True)
            for process in family:
                process.kill()
            command.process.wait()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A stereo file of a stretch of the bundled call."""
    path = tmp_path / "order.wav"
    start, end = (second * RATE_HZ for second in STRETCH_S)
    soundfile.write(path, demo_audio()[start:end], RATE_HZ, subtype="PCM_16")
    return path


def test_the_whole_command_line(bare: Settings, recording: Path, tmp_path: Path) -> None:
    """From a broker without topics to a call that somebody watches, all under a prefix."""
    kafka = bare.replace(kafka={"topic_prefix": PREFIX}).kafka
    missing = callstream(kafka, "calls")
    assert f"no topic {PREFIX}{catalogue.CHECKPOINTS}: run `callstream" in missing.stderr
    assert callstream(kafka, "topics", "describe").returncode == 1
    created = callstream(kafka, "topics", "create")
    assert (created.returncode, created.stderr) == (0, "")
    described = callstream(kafka, "topics", "describe")
    assert (described.returncode, described.stderr) == (0, "")
    assert all(f"{PREFIX}{name}" in described.stdout for name in catalogue.NAMES)
    assert set(existing(kafka)) == {f"{PREFIX}{name}" for name in catalogue.NAMES}

    with running(Command(kafka, tmp_path, "worker")) as worker:
        worker.until_ready()
        with running(Command(kafka, tmp_path, "watch", "--json")) as live:
            live.until(lambda: b"waiting for calls" in live.err.read_bytes(), "watch")
            replayed = callstream(kafka, "replay", str(recording), "--speed", "4", "--run", "one")
            assert (replayed.returncode, replayed.stdout) == (0, "")
            assert "replayed order~one (0:08)" in " ".join(replayed.stderr.split())
            live.until(lambda: b'"finalized_call.v1"' in live.out.read_bytes(), "finalized call")
            assert live.end(signal.SIGINT) == 130
        watched = "watch", "--from-beginning", "--call", "order"
        with running(Command(kafka, tmp_path, *watched)) as past:
            past.until(lambda: b"order~one: finalized" in past.out.read_bytes(), "finalized call")
            assert past.end(signal.SIGTERM) == 143
        listed = callstream(kafka, "calls", "--json")
        assert (listed.returncode, listed.stdout) == (0, "")
        assert worker.end() == 0

    messages = [orjson.loads(line) for line in live.out.read_bytes().splitlines()]
    assert {message["topic"] for message in messages} <= set(catalogue.NAMES)
    assert {message["call_id"] for message in messages} == {"order~one"}
    assert {"transcript_final.v1", "turn_ended.v1"} <= {each["schema"] for each in messages}
    said = [each["text"] for each in messages if each["schema"] == "transcript_final.v1"]
    assert all(text in past.out.read_text() for text in said)


@pytest.mark.parametrize("bare", [ON_KAFKA], indirect=True)
def test_the_second_worker_of_one_id_ends_and_names_it(bare: Settings, tmp_path: Path) -> None:
    """They used to throw each other out of the consumer group for ever."""
    kafka = bare.kafka
    asyncio.run(topics.create_topics(kafka))
    arguments = ("worker", "--agents", "finalize")
    with running(Command(kafka, tmp_path, *arguments, id="twin")) as first:
        first.until_ready()
        agents = first.agents()
        with running(Command(kafka, tmp_path, *arguments, id="twin")) as second:
            assert second.process.wait(LIMIT_S) == 2
            lines = second.err.read_text().splitlines()
            assert lines[-1].startswith("callstream: finalize: another worker with the id 'twin'")
            assert lines[-1].endswith("(CALLSTREAM_WORKER__ID)")
            assert second.events("partitions.taken") == []
        assert first.agents() == agents
        assert len(first.events("partitions.taken")) == 1
        assert first.end() == 0


@pytest.mark.parametrize("bare", [ON_KAFKA], indirect=True)
def test_of_two_workers_that_start_at_once_one_goes_on(bare: Settings, tmp_path: Path) -> None:
    """Neither finds the other when it asks; the one that is thrown out ends."""
    kafka = bare.kafka
    asyncio.run(topics.create_topics(kafka))
    arguments = ("worker", "--agents", "finalize")
    first = Command(kafka, tmp_path, *arguments, id="twin")
    second = Command(kafka, tmp_path, *arguments, id="twin")
    with running(first), running(second):
        wait_until(
            lambda: any(each.process.poll() is not None for each in (first, second)),
            "end of one of them",
            limit_s=LIMIT_S,
        )
        codes = (first.process.poll(), second.process.poll())
        assert sorted(codes, key=str) == [2, None]
        left = first if codes[0] is None else second
        left.until_ready()
        taken = [each.events("partitions.taken") for each in (first, second)]
        assert left.end() == 0

    assert len(taken[0]) + len(taken[1]) <= 5


@pytest.mark.parametrize("bare", [ON_KAFKA], indirect=True)
def test_a_worker_that_was_killed_is_followed_without_waiting(
    bare: Settings, tmp_path: Path
) -> None:
    """Its members stand in the group until their sessions end, but nobody takes them for alive."""
    kafka = bare.replace(kafka={"session_timeout_s": 30.0, "request_timeout_s": 40.0}).kafka
    asyncio.run(topics.create_topics(kafka))
    arguments = ("worker", "--agents", "finalize")
    with running(Command(kafka, tmp_path, *arguments, id="phoenix")) as first:
        first.until_ready()
    with running(Command(kafka, tmp_path, *arguments, id="phoenix")) as second:
        began_s = time.monotonic()
        second.until_ready()
        print(f"ready again after {time.monotonic() - began_s:.1f} s")
        assert second.end() == 0

    assert len(second.events("instance.taken_over")) == 1

"""The commands together: `callstream worker` and `callstream replay`, with the small weights."""

import asyncio
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import soundfile

from schemas import catalogue
from stream_app.agents.registry import DEFAULT_AGENTS
from stream_app.settings import KafkaSettings
from tests.support.calls.recorded_calls import RATE_HZ, demo_audio
from tests.support.system.agent_processes import agents_of
from tests.support.system.command_line import CALLSTREAM, environment
from tests.support.system.fleet import ROOT
from tests.support.system.lanes import Lane, call_id, difference
from tests.support.system.scenario import Broker
from tests.support.system.topic_watch import TopicWatch
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e
STRETCH_S = (20, 33)
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0


@contextmanager
def worker(kafka: KafkaSettings, log: Path) -> Iterator[psutil.Process]:
    """The process of a worker that is ready; the agents are its children."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [CALLSTREAM, "worker"], env=environment(kafka), cwd=ROOT, stderr=output
        )
    supervisor = psutil.Process(process.pid)
    try:
        wait_until(
            lambda: b"ready" in log.read_bytes().split() or process.poll() is not None,
            lambda: f"ready worker: {log.read_text()}",
            limit_s=START_TIMEOUT_S,
        )
        assert process.poll() is None, log.read_text()
        yield supervisor
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(log.read_text()[-6000:])


def agent_of(supervisor: psutil.Process, name: str) -> psutil.Process:
    (pid,) = [pid for pid, agent in agents_of(supervisor).items() if agent == name]
    return psutil.Process(pid)


async def replay(kafka: KafkaSettings, recording: Path, run: str) -> None:
    process = await asyncio.create_subprocess_exec(
        CALLSTREAM, "replay", str(recording), "--speed", "4", "--run", run,
        env=environment(kafka), cwd=ROOT, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A stereo file of a stretch of the bundled call."""
    path = tmp_path / "order.wav"
    start, end = (second * RATE_HZ for second in STRETCH_S)
    soundfile.write(path, demo_audio()[start:end], RATE_HZ, subtype="PCM_16")
    return path


async def finished_lane(kafka: KafkaSettings, recording: Path, victim: psutil.Process) -> Lane:
    """Return the lane of a replay in the midst of which an agent is killed."""
    run = secrets.token_hex(3)
    each = call_id(recording.stem, run)
    async with TopicWatch(kafka, run) as watch:
        replaying = asyncio.create_task(replay(kafka, recording, run))
        await watch.until(
            lambda: bool(watch.messages(catalogue.TRANSCRIPTS, each, "transcript_final.v1")),
            "first final",
        )
        victim.kill()
        await replaying
        await watch.until_finalized(each, timeout_s=120.0)
        return watch.lane(each)


async def undisturbed_lane(kafka: KafkaSettings, recording: Path) -> Lane:
    run = secrets.token_hex(3)
    each = call_id(recording.stem, run)
    async with TopicWatch(kafka, run) as watch:
        await replay(kafka, recording, run)
        await watch.until_finalized(each, timeout_s=120.0)
        return watch.lane(each)


async def test_the_supervisor_restarts_a_killed_agent_and_nothing_changes(
    broker: Broker, recording: Path, tmp_path: Path
) -> None:
    """With real weights, and with no process left at the end."""
    kafka = broker.settings.kafka
    with worker(kafka, tmp_path / "worker.log") as supervisor:
        expected = await undisturbed_lane(kafka, recording)
        victim = agent_of(supervisor, "transcribe")
        actual = await finished_lane(kafka, recording, victim)
        family = [supervisor, *supervisor.children(recursive=True)]

    assert difference(actual, expected) == ""
    assert b"transcript_final.v1" in b"".join(expected[catalogue.TRANSCRIPTS])
    assert victim.pid not in [process.pid for process in family]
    assert not any(process.is_running() for process in family)


def test_the_agents_end_with_a_killed_supervisor(broker: Broker, tmp_path: Path) -> None:
    with worker(broker.settings.kafka, tmp_path / "worker.log") as supervisor:
        agents = agents_of(supervisor)
        family = supervisor.children(recursive=True)
        supervisor.kill()
        _, alive = psutil.wait_procs(family, timeout=STOP_TIMEOUT_S)

    assert sorted(agents.values()) == sorted(DEFAULT_AGENTS)
    assert alive == []

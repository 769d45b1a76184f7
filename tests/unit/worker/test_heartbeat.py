"""Silence of an agent counts while its supervisor listens, and a sign of life ends it."""

import asyncio
import os
from typing import Any

import pytest

from stream_app.settings import Settings
from stream_app.worker.heartbeat import BEAT, MAX_STEP_S, Silence, beat
from stream_app.worker.supervisor import Supervisor


def test_silence_grows_with_the_clock_and_ends_with_a_sign_of_life() -> None:
    silence = Silence(now_s=100.0)
    assert silence.look(100.5) == 0.5
    assert silence.look(101.0) == 1.0

    silence.hear()
    assert silence.look(101.25) == 0.25


def test_a_listener_that_was_away_blames_nobody() -> None:
    """A paused machine: an hour has passed, and the agent could not speak either."""
    silence = Silence(now_s=0.0)

    assert silence.look(3_600.0) == MAX_STEP_S


async def test_an_event_loop_that_turns_says_so() -> None:
    said: list[str] = []
    beating = asyncio.create_task(beat(said.append))
    await asyncio.sleep(0)
    beating.cancel()

    assert said == [BEAT]


class Process:
    """A process that runs until it is killed."""

    pid = 4_711
    exit_code: int | None = None

    def kill(self) -> None:
        """End it."""
        self.exit_code = -9


@pytest.mark.parametrize(
    ("is_ready", "silent_s", "is_killed"),
    [(True, 5.1, True), (True, 4.9, False), (False, 5.1, False), (False, 60.1, True)],
    ids=["silent", "alive", "loading its models", "never done loading"],
)
def test_a_silent_agent_is_killed(*, is_ready: bool, silent_s: float, is_killed: bool) -> None:
    """One that loads its models may take longer."""
    settings = Settings().replace(worker={"id": "w", "max_silence_s": 5.0, "max_start_s": 60.0})
    supervisor = Supervisor(settings, ["transcribe"])
    (agent,) = supervisor._agents
    process: Any = Process()
    agent.process, agent.is_ready = process, is_ready
    agent.silence.silent_s = silent_s

    agent.look_after()

    assert (process.exit_code == -9) is is_killed
    assert agent.frozen_kills == int(is_killed)


def test_a_sign_of_life_changes_nothing_but_the_silence() -> None:
    """An agent that is ready stays so."""
    supervisor = Supervisor(Settings().replace(worker={"id": "w"}), ["transcribe"])
    (agent,) = supervisor._agents
    process: Any = Process()
    report_fd, agent_fd = os.pipe()
    os.set_blocking(report_fd, False)
    agent.process, agent.report_fd = process, report_fd
    agent.silence.silent_s = 9.0

    os.write(agent_fd, b"ready\nalive\nalive\n")
    agent.look_after()
    os.close(agent_fd)
    os.close(report_fd)

    assert supervisor.is_ready
    assert agent.silence.silent_s < 9.0

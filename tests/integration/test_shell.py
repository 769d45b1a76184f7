"""What the shell does with poison, silence, held acknowledgements, and its own end."""

import asyncio
import os
import signal
import subprocess
import sys

import psutil
import pytest

from schemas.catalogue import AUDIO, DEAD_LETTERS, NAMES
from schemas.errors import BrokerError, ConfigurationError
from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.topics import create_topics, describe_topics
from stream_app.worker.supervisor import Supervisor
from tests.integration.traffic import (
    READ_EVERY_S,
    await_alerts,
    await_committed,
    await_reason,
    committed,
    end,
    key,
    outcome,
    read,
    send,
    send_raw,
    worker,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

POISON = (None, b"", b"\x00\xff not messagepack", b"[1, 2]", b"\x93\xa1x\xa1y\xa1z")


def test_poison_becomes_dead_letters_and_the_call_goes_on(settings: Settings) -> None:
    """With its bytes, and headers that say where it stood and why it was refused."""
    with worker(settings) as only:
        send(settings, key("c", 0))
        send_raw(settings, *POISON, key=b"c")
        send(settings, *(key("c", number) for number in range(1, 5)), end("c"))
        only.wait_ready()
        result = await_alerts(settings, "end", 1)
        offsets = await_committed(settings, 6 + len(POISON))

    letters = read(settings, DEAD_LETTERS)
    assert [letter.value for letter in letters] == list(POISON)
    headers = dict(letters[1].headers)
    assert headers["topic"] == b"calls.audio.v1"
    assert headers["agent"] == b"toy"
    assert headers["call_id"] == b"c"
    assert headers["offset"] == b"2"
    assert headers["reason"]
    assert result.details["c/end/5"] == {"sum": "5", "keys": "5"}
    assert offsets == 6 + len(POISON)


def test_audio_after_the_end_is_refused(settings: Settings) -> None:
    """It goes through the same dead letters."""
    with worker(settings) as only:
        send(settings, key("c", 0), end("c"), key("c", 1))
        only.wait_ready()
        await_alerts(settings, "end", 1)
        wait_until(lambda: bool(read(settings, DEAD_LETTERS)), "dead letter", every_s=READ_EVERY_S)

    assert [dict(letter.headers)["reason"] for letter in read(settings, DEAD_LETTERS)] == [
        b"input after the end of the call at offset 1"
    ]


def test_a_commit_never_passes_a_message_that_is_held(settings: Settings) -> None:
    """Three keys of one call wait for two more; a later call on the partition is done with."""
    with worker(settings) as only:
        send(settings, *(key("held", number) for number in range(3)))
        others = [f"c{number}" for number in range(12)]
        for other in others:
            send(settings, *(key(other, number) for number in range(5)), end(other))
        only.wait_ready()
        await_alerts(settings, "end", len(others))
        (partition,) = {r.partition for r in read(settings, AUDIO) if r.key == b"held"}
        beside = sum(record.partition != partition for record in read(settings, AUDIO))
        await_committed(settings, beside)
        held = committed(settings)[partition]
        send(settings, key("held", 3), key("held", 4))
        freed = await_committed(settings, 5 + 6 * len(others))

    assert held == 0
    assert freed == 5 + 6 * len(others)


@pytest.mark.slow
def test_a_silent_call_is_marked_once_for_each_stage(settings: Settings) -> None:
    """Also when only a checkpoint knows of the call; a later call has both stages after it."""
    patient = settings.replace(stalls={"stall_after_s": 300.0, "stale_after_s": 600.0})
    with worker(patient) as first:
        send(settings, *(key("c", number) for number in range(5)))
        first.wait_ready()
        await_alerts(settings, "square", 1)
        await_committed(settings, 5)

    with worker(settings) as second:
        second.wait_ready()
        await_alerts(settings, "end", 1)
        send(settings, *(key("later", number) for number in range(5)))
        await_alerts(settings, "end", 2)
        result = outcome(settings)

    for call in ("c", "later"):
        assert result.details[f"{call}/stalled/4"] == {}
        assert result.details[f"{call}/end/5"] == {"sum": "5", "keys": "5"}
    assert result.records == 2 * (5 + 1 + 1 + 1)


def test_an_agent_that_cannot_run_says_why(settings: Settings) -> None:
    """And is not restarted again and again."""
    with (
        Supervisor(settings, ["no_such_agent"]) as supervisor,
        pytest.raises(ConfigurationError, match="no agent 'no_such_agent'"),
    ):
        supervisor.wait_ready(30)


def test_missing_topics_are_named() -> None:
    """A worker creates none: their partition counts are a decision."""
    with (
        EmbeddedBroker() as empty,
        worker(empty.settings(Settings())) as supervisor,
    ):
        await_reason(supervisor, "topics create")


def test_a_killed_supervisor_leaves_no_process_behind(settings: Settings) -> None:
    """The kernel ends the agents."""
    code = (
        "import sys; from stream_app.worker.supervisor import Supervisor;"
        "from stream_app.logs.logging import configure_logging; configure_logging('error');"
        "from stream_app.settings import settings_from_json;"
        "toy = 'tests.integration.toy:define';"
        "s = Supervisor(settings_from_json(sys.stdin.readline()), [toy]);"
        "s.start(); s.wait_ready(); print(s.pid(toy), flush=True);"
        "s._thread.join()"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    supervisor.stdin.write(settings.model_dump_json() + "\n")
    supervisor.stdin.flush()
    agent = psutil.Process(int(supervisor.stdout.readline()))

    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.communicate()

    psutil.wait_procs([agent], timeout=5)
    assert not agent.is_running() or agent.status() == psutil.STATUS_ZOMBIE


def test_the_topics_are_created_once_and_are_as_wanted() -> None:
    """Creating them again changes nothing."""
    with EmbeddedBroker() as fresh:
        kafka = fresh.settings(Settings()).kafka
        created = asyncio.run(create_topics(kafka))
        again = asyncio.run(create_topics(kafka))
        states = asyncio.run(describe_topics(kafka))
        other = asyncio.run(describe_topics(kafka.model_copy(update={"partitions": 3})))

    assert len(created) == len(states) == len(NAMES)
    assert again == ()
    assert [state.differences for state in states] == [()] * len(NAMES)
    assert other[0].differences == ("12 partitions instead of 3",)
    assert fresh.pid == 0


def test_no_broker_is_one_clear_error() -> None:
    """It names the address."""
    kafka = Settings().replace(kafka={"bootstrap_servers": "127.0.0.1:1"}).kafka

    with pytest.raises(BrokerError, match=r"no broker answers at 127\.0\.0\.1:1"):
        asyncio.run(create_topics(kafka))

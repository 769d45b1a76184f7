"""`callstream calls` lists what the agents have not closed, on either broker, by the hundred."""

import asyncio
import time
from collections.abc import Iterable, Sequence

import orjson
import pytest
from typer.testing import CliRunner

from schemas.base import Party
from schemas.catalogue import CHECKPOINTS
from schemas.operations import Checkpoint
from stream_app.calls.transcribe.input.call_facts import CallFacts
from stream_app.calls.transcribe.input.pending_inputs import InputPoint
from stream_app.calls.transcribe.input.sequence_point import SequencePoint
from stream_app.cli.app import app
from stream_app.live.open_calls import CLOSING_MS, CallRow, read_open_calls
from stream_app.runtime.memory.checkpoints import CheckpointStore
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.clients import start_producer

pytestmark = pytest.mark.e2e
RATE_HZ = 8_000
PARTIES: tuple[Party, ...] = ("agent", "customer")


def heard(call_id: str, *, audio_s: int, held_at_ms: tuple[int, ...] = ()) -> Checkpoint:
    """Return the checkpoint of a call up to a time of its audio."""
    point = InputPoint(
        resume_offset=7,
        facts=CallFacts(parties=PARTIES, sample_rate_hz=RATE_HZ, held_at_ms=held_at_ms),
        order=SequencePoint(clock=audio_s * RATE_HZ),
    )
    state: dict[str, object] = {"input": point, "channels": (), "model": "m"}
    return Checkpoint(
        agent="transcribe",
        call_id=call_id,
        position=(0, 7, 0),
        is_closed=False,
        state=state,
    )


def closed(agent: str, call_id: str) -> Checkpoint:
    return Checkpoint(
        agent=agent, call_id=call_id, position=(1,), is_closed=True, state={"end_offset": 9}
    )


async def write(kafka: KafkaSettings, checkpoints: Iterable[Checkpoint]) -> None:
    """Write checkpoints as the agents do, each on the partition of its call."""
    producer = await start_producer(kafka, linger_ms=10)
    partitions = await producer.partitions_for(CHECKPOINTS)
    try:
        sent = []
        for checkpoint in checkpoints:
            key, value = CheckpointStore(kafka, checkpoint.agent, "w").encode(checkpoint)
            partition = sorted(partitions)[sum(checkpoint.call_id.encode()) % len(partitions)]
            sent.append(await producer.send(CHECKPOINTS, value, key=key, partition=partition))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def command(settings: Settings, *options: str) -> str:
    """Return what the command says; it must succeed."""
    result = CliRunner().invoke(
        app, ["calls", "--brokers", settings.kafka.bootstrap_servers, *options]
    )
    assert result.exit_code == 0, result.output
    return result.output


def rows_of(output: str) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in output.splitlines()]


def own(rows: Sequence[CallRow], prefix: str) -> list[CallRow]:
    """Return the rows of one test: a broker is shared."""
    return [row for row in rows if row.call_id.startswith(prefix)]


def test_without_calls_the_command_says_so(settings: Settings) -> None:
    assert command(settings) == "no open calls\n"
    assert command(settings, "--json") == ""


def test_five_hundred_open_calls_are_listed_and_closed_ones_are_not(any_broker: Settings) -> None:
    """A minute lies between two of them: a record sent again is in the log seconds later."""
    calls = [f"many.{number:03}" for number in range(500)]
    done = [f"many.done.{number}" for number in range(20)]
    asyncio.run(
        write(
            any_broker.kafka,
            [
                *(heard(call_id, audio_s=60 * number) for number, call_id in enumerate(calls)),
                *(
                    closed(agent, c)
                    for c in done
                    for agent in ("transcribe", "detect_turns", "finalize")
                ),
            ],
        )
    )

    began_s = time.monotonic()
    rows = own(asyncio.run(read_open_calls(any_broker.kafka)), "many.")
    listed = [row for row in rows_of(command(any_broker, "--json")) if row["call_id"] in calls]

    assert sorted(row.call_id for row in rows) == calls
    assert [row.call_id for row in rows] == calls[::-1]  # the oldest first
    assert {row["call_id"] for row in listed} == set(calls)
    assert {tuple(row["parties"]) for row in listed} == {PARTIES}  # type: ignore[arg-type]
    assert time.monotonic() - began_s < 60
    assert command(any_broker).count("agent, customer") >= 500


def test_a_call_has_an_age_by_its_audio_and_a_last_audio_by_the_log(any_broker: Settings) -> None:
    """Whatever a gateway's clock says."""
    held = heard("aged.held", audio_s=90, held_at_ms=(80_000,))
    asyncio.run(write(any_broker.kafka, [heard("aged.call", audio_s=3_600), held]))

    later_ms = time.time_ns() // 1_000_000 + 40_000
    rows = own(asyncio.run(read_open_calls(any_broker.kafka, now_ms=lambda: later_ms)), "aged.")

    assert [(row.call_id, row.audio_s, row.is_on_hold) for row in rows] == [
        ("aged.call", 3_600.0, False),
        ("aged.held", 90.0, True),
    ]
    assert all(40 <= row.last_audio_s < 160 for row in rows)
    assert all(row.age_s == row.audio_s + row.last_audio_s for row in rows)


@pytest.mark.parametrize(
    ("agents", "late"),
    [(("transcribe",), "detect_turns"), (("transcribe", "detect_turns"), "finalize")],
)
def test_the_agent_that_should_have_closed_a_call_is_named(
    any_broker: Settings, agents: tuple[str, ...], late: str
) -> None:
    call_id = f"late.{late}"
    asyncio.run(write(any_broker.kafka, [closed(agent, call_id) for agent in agents]))
    now_ms = time.time_ns() // 1_000_000

    soon = own(asyncio.run(read_open_calls(any_broker.kafka, now_ms=lambda: 0)), call_id)
    after = asyncio.run(read_open_calls(any_broker.kafka, now_ms=lambda: now_ms + 2 * CLOSING_MS))

    assert [row.late_agents for row in soon] == [()]
    assert [row.late_agents for row in own(after, call_id)] == [(late,)]


def test_a_checkpoint_of_another_version_is_still_a_call(any_broker: Settings) -> None:
    strange = Checkpoint(
        agent="transcribe",
        call_id="strange.1",
        position=(0,),
        is_closed=False,
        state={"input": {"resume_offset": "x"}},
    )
    asyncio.run(write(any_broker.kafka, [strange]))

    (row,) = own(asyncio.run(read_open_calls(any_broker.kafka)), "strange.")

    assert (row.parties, row.audio_s) == ((), 0.0)

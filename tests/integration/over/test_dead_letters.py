"""Dead letters on each kind of broker: listed, shown, and sent again as they came."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import msgspec
import orjson
import pytest
from faust.types import TP
from faust.types import Message as FaustMessage

from schemas.catalogue import AUDIO, DEAD_LETTERS, FINALIZED, encode
from schemas.errors import ConfigurationError
from stream_app.dead_letters.letter import ABRIDGED, NO_TOPIC, LetterName, Wanted, parse_name
from stream_app.dead_letters.topic import REPEATED, find_letters, replay_letters
from stream_app.runtime.output.dead_letters import (
    InputPosition,
    Record,
    Refusal,
    abridged_letter,
    dead_letter,
)
from stream_app.transport.clients import start_producer
from stream_app.transport.log_reader import BEGINNING, read_partitions
from tests.support.calls.call_messages import finalized
from tests.support.system.command_line import callstream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stream_app.settings import KafkaSettings, Settings

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
CALLS = 40  # on four partitions
AWAY = "inference failed: the back-end is away of "
PARTITION = 2  # of the inputs, which is not that of the hash of their keys


def call_id_of(number: int, run: str) -> str:
    return f"call-{number}~{run}"


def value_of(number: int, run: str) -> bytes:
    call_id = call_id_of(number, run)
    call = finalized(((0, 0, f"text {number}"),))
    return encode(msgspec.structs.replace(call, call_id=call_id, event_id=f"{call_id}/finalized"))


def letter(number: int, run: str, *, agent: str = "analyze") -> Record:
    """Return the dead letter of a finalized call, as the runtime makes it."""
    call_id, tp = call_id_of(number, run), TP(FINALIZED, PARTITION)
    message = FaustMessage(
        *(tp.topic, tp.partition, number, 1.0, 0, [], call_id.encode(), value_of(number, run)),
        None,
        tp=tp,
    )
    return dead_letter(message, Refusal(agent, call_id, AWAY + run))


def letters(run: str) -> list[Record]:
    """Return letters: every fifth of another agent, one twice, and two that cannot be sent."""
    every = [letter(n, run, agent="classify" if n % 5 == 0 else "analyze") for n in range(CALLS)]
    refusal = Refusal("analyze", call_id_of(1, run), "too large")
    long = abridged_letter(b"x" * 100, InputPosition(FINALIZED, 0, 7), refusal, key=b"call-1")
    foreign = abridged_letter(b"y", InputPosition("orders.v1", 0, 7), refusal, key=b"call-1")
    headers = [each for each in foreign.headers or [] if each[0] != "abridged"]
    return [*every, letter(3, run), long, Record(DEAD_LETTERS, b"call-1", b"y", headers=headers)]


def send(kafka: KafkaSettings, records: Iterable[Record]) -> None:
    async def produce() -> None:
        producer = await start_producer(kafka)
        for each in records:
            await producer.send_and_wait(
                kafka.topic(each.topic), each.value, key=each.key, headers=each.headers
            )
        await producer.stop()

    asyncio.run(produce())


def finalized_on_topic(kafka: KafkaSettings, run: str) -> list[tuple[int, bytes, bytes]]:
    """Return partition, key and value of the finalized calls of a run."""

    async def read() -> list[tuple[int, bytes, bytes]]:
        starts = dict.fromkeys(range(kafka.partitions), BEGINNING)
        return [
            (record.partition, record.key, record.value)
            async for record in read_partitions(kafka, FINALIZED, starts)
            if record.key.decode().endswith(run)
        ]

    return asyncio.run(read())


def test_inputs_are_sent_again_as_they_came_each_once(any_broker: Settings) -> None:
    kafka, run = any_broker.kafka, secrets.token_hex(3)
    send(kafka, letters(run))
    failed = [n for n in range(CALLS) if n % 5]

    wanted = Wanted(agent="analyze", reason=f"AWAY OF {run}", topic=FINALIZED)

    dry = asyncio.run(replay_letters(kafka, wanted, is_dry=True))
    before = finalized_on_topic(kafka, run)
    done = asyncio.run(replay_letters(kafka, wanted))

    assert (dry.sent, before) == (done.sent, [])
    assert done.sent == {FINALIZED: len(failed)}
    assert done.left == {REPEATED: 1}
    found = finalized_on_topic(kafka, run)
    assert sorted(found) == sorted(
        (PARTITION, call_id_of(n, run).encode(), value_of(n, run)) for n in failed
    )


def test_what_cannot_be_sent_again_is_left_and_counted(any_broker: Settings) -> None:
    kafka, run = any_broker.kafka, secrets.token_hex(3)
    send(kafka, letters(run))

    done = asyncio.run(replay_letters(kafka, Wanted(call_id=call_id_of(1, run))))

    assert done.sent == {FINALIZED: 1}
    assert done.left == {ABRIDGED: 1, NO_TOPIC: 1}


def test_the_commands_list_show_and_send(any_broker: Settings, tmp_path: Path) -> None:
    kafka, run = any_broker.kafka, secrets.token_hex(3)
    send(kafka, letters(run))
    call = call_id_of(7, run)
    out = tmp_path / "letter.json"

    listed = callstream(kafka, "deadletters", "list", "--json", "--call", call)
    (row,) = map(orjson.loads, listed.stdout.splitlines())
    table = callstream(kafka, "deadletters", "list", "--call", call)
    shown = callstream(kafka, "deadletters", "show", row["letter"])
    written = callstream(kafka, "deadletters", "show", row["letter"], "--out", str(out))
    sent = callstream(kafka, "deadletters", "replay", row["letter"])

    expected = {"agent": "analyze", "reason": AWAY + run, "topic": FINALIZED, "key": call}
    assert expected.items() <= row.items()
    assert row["letter"] in table.stdout
    assert f"reason: {AWAY}{run}" in shown.stdout
    assert '"text 7"' in shown.stdout
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (value_of(7, run), 0o600)
    assert "text 7" not in written.stdout
    assert sent.stdout == f"1 sent to {FINALIZED}\n"
    assert finalized_on_topic(kafka, run) == [(PARTITION, call.encode(), value_of(7, run))]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("replay",), 2, "say which letters"),
        (("replay", "seven"), 2, "'seven' names no dead letter"),
        (("show", "0-999999"), 1, "there is no dead letter 0-999999"),
        (("replay", "0-999999"), 1, "not there"),
        (("list", "--since", "yesterday"), 2, "is no moment"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    settings: Settings, arguments: tuple[str, ...], code: int, says: str
) -> None:
    result = callstream(settings.kafka, "deadletters", *arguments)

    (line,) = (each for each in result.stderr.splitlines() if each.startswith("callstream: "))
    assert says in line
    assert result.returncode == code
    assert result.stdout in ("", "no such dead letters\n")


def test_the_newest_are_listed_in_order_of_time(settings: Settings) -> None:
    run = secrets.token_hex(3)
    send(settings.kafka, [letter(n, run) for n in range(CALLS)])

    found = asyncio.run(find_letters(settings.kafka, Wanted(), most=5))

    assert found.total == CALLS
    assert [each.call_id for each in found.letters] == [
        call_id_of(n, run) for n in range(CALLS - 5, CALLS)
    ]


def test_a_letter_is_named_by_partition_and_offset() -> None:
    assert parse_name("2-17") == parse_name("2:17") == LetterName(2, 17)
    with pytest.raises(ConfigurationError, match="such as 2-17"):
        parse_name("2")


def test_letters_for_audio_are_shown_as_far_as_they_can_be_read(settings: Settings) -> None:
    position = TP(AUDIO, 0)
    message = FaustMessage(
        *(position.topic, 0, 5, 1.0, 0, [], b"c", b"\x93\x01"), None, tp=position
    )
    send(settings.kafka, [dead_letter(message, Refusal("transcribe", "c", "not a message"))])

    listed = callstream(settings.kafka, "deadletters", "list", "--json")
    shown = callstream(settings.kafka, "deadletters", "show", orjson.loads(listed.stdout)["letter"])

    assert shown.stdout.splitlines()[-1] == "93 01"

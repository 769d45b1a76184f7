"""What is too large to send costs its call a dead letter and an alert, and nobody else anything."""

import asyncio
import base64
import hashlib
from typing import Any

import orjson
import pytest
from aiokafka.errors import MessageSizeTooLargeError
from faust.types import TP, Message

from schemas.base import MAX_MESSAGE_BYTES
from schemas.catalogue import ALERTS, AUDIO, CHECKPOINTS, DEAD_LETTERS
from schemas.codec import decode_json
from schemas.operations import Alert, Checkpoint
from stream_app.calls.effects import Commit, Emit, Refuse
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.output.dead_letters import HEAD_BYTES, LARGEST_BYTES, MAX_KEY_BYTES
from stream_app.runtime.output.outbox import MAX_QUEUED_BYTES
from stream_app.transport.clients import MAX_BATCH_BYTES
from tests.support.waiting import loop_turns, until
from tests.unit.runtime.output.test_outbox import PARTITION, Setting, alert, checkpoint, run

HUGE = "x" * MAX_MESSAGE_BYTES
LARGE = "x" * (2 * MAX_BATCH_BYTES)


def large_alert(text: str = HUGE) -> Alert:
    return Alert(
        event_id="c/large",
        call_id="c",
        captured_at_ns=0,
        kind="k",
        severity="info",
        source="toy",
        details={"text": text},
    )


def large_checkpoint(text: str = HUGE) -> Checkpoint:
    return Checkpoint(
        agent="toy", call_id="c", position=(2,), is_closed=False, state={"text": text}
    )


def raw(offset: int, value: bytes | None, key: bytes | None = b"c") -> Message:
    return Message(AUDIO, PARTITION, offset, 1.0, 0, [], key, value, None, tp=TP(AUDIO, PARTITION))


def letters(setting: Setting) -> list[tuple[dict[str, str], Any]]:
    """Return headers and value of each dead letter that was sent."""
    return [
        ({name: text.decode() for name, text in headers}, entry[2])
        for entry, headers in zip(setting.producer.sent, setting.producer.headers, strict=True)
        if entry[0] == DEAD_LETTERS
    ]


def alerts(setting: Setting) -> list[Alert]:
    values = (value for topic, _, value, _ in setting.producer.sent if topic == ALERTS and value)
    return [decode_json(value, Alert) for value in values]


def test_an_input_that_fits_goes_to_the_dead_letters_whole() -> None:
    value = bytes(LARGEST_BYTES - 1)

    async def scenario(setting: Setting) -> None:
        setting.session.keep(raw(7, value))
        setting.put(Refuse(7, "no good"), Commit((7,)))
        await setting.outbox.flush()

    ((headers, sent),) = letters(run(scenario))

    assert sent == value
    assert "abridged" not in headers


@pytest.mark.parametrize("key", [None, b"", b"\xff\x00"])
@pytest.mark.parametrize("value", [None, b""])
def test_an_input_of_nothing_has_a_dead_letter_too(key: bytes | None, value: bytes | None) -> None:
    """Java clients write records with neither key nor value."""

    async def scenario(setting: Setting) -> None:
        setting.session.keep(raw(7, value, key))
        setting.put(Refuse(7, "no good"), Commit((7,)))
        await setting.outbox.flush()

    setting = run(scenario)

    ((_, sent),) = letters(setting)
    assert sent in {value, b""}
    assert setting.acknowledged == [7]
    assert not setting.failures


def test_an_input_too_large_for_a_dead_letter_is_described() -> None:
    value = b"\x07" * 5_000_000

    async def scenario(setting: Setting) -> None:
        setting.session.keep(raw(7, value, key=b"k" * 100_000))
        setting.put(Refuse(7, "r" * 100_000), Commit((7,)), call_id="c" * 100_000)
        await setting.outbox.flush()

    setting = run(scenario)
    ((headers, sent),) = letters(setting)

    assert headers["abridged"] == "1"
    assert (headers["topic"], headers["partition"], headers["offset"]) == (AUDIO, "3", "7")
    assert orjson.loads(sent) == {
        "topic": AUDIO,
        "partition": PARTITION,
        "offset": 7,
        "size": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
        "head": base64.b64encode(value[:HEAD_BYTES]).decode(),
    }
    (key,) = (entry[1] for entry in setting.producer.sent)
    assert key == b"k" * MAX_KEY_BYTES
    assert sum(len(text) for text in headers.values()) < 4_096
    assert setting.acknowledged == [7]
    assert not setting.failures


def test_an_output_too_large_is_refused_and_the_call_goes_on() -> None:
    async def scenario(setting: Setting) -> None:
        setting.take(1, 2)
        setting.put(Emit(large_alert()), Commit((1,)), Emit(alert(2)), Commit((2,)))
        await setting.outbox.flush()

    setting = run(scenario)
    ((headers, value),) = letters(setting)

    assert headers["call_id"] == "c"
    assert headers["abridged"] == "1"
    assert "too large" in headers["reason"]
    described = orjson.loads(value)
    assert described["output"] == ALERTS
    assert described["size"] > MAX_MESSAGE_BYTES
    assert [told.kind for told in alerts(setting)] == ["output_refused", "k"]
    assert setting.acknowledged == [1, 2]
    assert not setting.failures


def test_an_output_that_json_cannot_hold_is_refused() -> None:
    """A number beyond 64 bits, half a surrogate pair."""

    async def scenario(setting: Setting) -> None:
        setting.take(1)
        broken = large_alert("\ud800")
        setting.put(Emit(broken), Commit((1,), large_checkpoint("\ud800")))
        await setting.outbox.flush()

    setting = run(scenario)

    reasons = [headers["reason"] for headers, _ in letters(setting)]
    assert [reason.startswith("an output for") for reason in reasons] == [True, True]
    assert setting.acknowledged == [1]
    assert not setting.failures


def test_a_checkpoint_too_large_is_refused_and_its_inputs_are_done_with() -> None:
    """Or the partition would wait for them for ever."""

    async def scenario(setting: Setting) -> None:
        setting.take(1, 2)
        setting.put(Commit((1,), checkpoint(1)))
        await setting.outbox.flush()
        setting.put(Commit((2,), large_checkpoint()))
        await setting.outbox.flush()

    setting = run(scenario)
    ((headers, value),) = letters(setting)

    assert headers["call_id"] == "c"
    assert orjson.loads(value)["output"] == CHECKPOINTS
    assert setting.producer.topics.count(CHECKPOINTS) == 1
    assert [told.kind for told in alerts(setting)] == ["output_refused"]
    assert setting.acknowledged == [1, 2]
    assert not setting.failures


def test_what_repeats_for_a_call_is_told_once_and_counted() -> None:
    async def scenario(setting: Setting) -> None:
        for offset in range(5):
            setting.take(offset)
            setting.put(Emit(large_alert()), Commit((offset,)))
        await setting.outbox.flush()

    setting = run(scenario)

    assert len(letters(setting)) == 1
    assert len(alerts(setting)) == 1
    counted = setting.metrics.registry.get_sample_value(
        "callstream_refused_outputs_total", {"agent": "toy"}
    )
    assert counted == 5
    assert setting.acknowledged == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("is_late", [False, True], ids=["by the producer", "by the brokers"])
def test_a_record_that_is_refused_as_too_large_on_its_way_is_described(*, is_late: bool) -> None:
    """Brokers may be set to take less than we think."""

    async def scenario(setting: Setting) -> None:
        setting.producer.refuse_above(MAX_BATCH_BYTES, is_late=is_late)
        setting.take(1)
        setting.session.keep(raw(2, LARGE.encode()))
        setting.put(
            Emit(large_alert(LARGE)),
            Refuse(2, "no good"),
            Commit((1, 2), large_checkpoint(LARGE)),
        )
        await until(lambda: setting.acknowledged == [1, 2])

    setting = run(scenario)

    reached = [(headers, value) for headers, value in letters(setting) if "abridged" in headers]
    assert [headers["offset"] for headers, _ in reached] == ["-1", "2", "-1"]
    assert all(len(value) < MAX_BATCH_BYTES for _, value in reached)
    assert not setting.failures


def test_brokers_that_take_not_even_a_small_record_end_the_process() -> None:
    """Nothing is wrong with the record, then."""

    async def scenario(setting: Setting) -> None:
        setting.producer.refuse_above(0, is_late=True)
        setting.take(1)
        setting.put(Emit(alert(1)), Commit((1,)))
        await until(lambda: bool(setting.failures))
        await until(setting.outbox._settling.locked, "settlement that waits for ever")
        await loop_turns()

    setting = run(scenario)

    assert isinstance(setting.failures[0], MessageSizeTooLargeError)
    assert setting.acknowledged == []


def test_a_new_generation_is_told_again() -> None:
    """What was queued for the one before is void, dead letters and alerts too."""

    async def scenario(setting: Setting) -> None:
        setting.take(1)
        setting.put(Emit(large_alert()), Commit((1,)))
        setting.session.drop()
        setting.session = PartitionSession(
            TP(AUDIO, PARTITION), 2, lambda message: setting.acknowledged.append(message.offset)
        )
        setting.take(1)
        setting.put(Emit(large_alert()), Commit((1,)))
        await setting.outbox.flush()

    setting = run(scenario)

    assert len(letters(setting)) == len(alerts(setting)) == 1
    assert setting.acknowledged == [1]


def test_many_large_dead_letters_hold_up_the_reading() -> None:
    """Their number alone would let gigabytes wait for a slow producer."""

    async def scenario(setting: Setting) -> None:
        setting.producer.is_free.clear()
        for offset in range(MAX_QUEUED_BYTES // LARGEST_BYTES + 2):
            setting.session.keep(raw(offset, bytes(LARGEST_BYTES - 1)))
            setting.put(Refuse(offset, "no good"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(setting.outbox.wait_for_room(), 0.05)
        setting.producer.is_free.set()
        await asyncio.wait_for(setting.outbox.wait_for_room(), 5)

    run(scenario)

"""A batch that cannot be unpacked within bounds is one record, and the partition goes on."""

import contextlib
import random
import struct
import tracemalloc
import zlib
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.types import TP, Message
from hypothesis import given
from hypothesis import strategies as st

from stream_app.runtime.output.dead_letters import Refusal, dead_letter
from stream_app.transport.batches import (
    MAX_TAKEN_BYTES,
    MAX_UNPACKED_BYTES,
    BoundedFetch,
    BoundedRecords,
    UnreadableBatch,
    check_unpacked_size,
)
from tests.support.examples import examples

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
COMPRESSED = [name for name in CODECS if name != "none"]
HEADER_BYTES = 61
OVERHEAD = 12
MIB = 1 << 20
PIECE = bytes(4 * MIB)
BOMB = [PIECE] * (MAX_UNPACKED_BYTES // len(PIECE) + 1)


def batch(codec: str, values: Sequence[bytes], first_offset: int = 0) -> bytes:
    """Return a batch as the brokers hand it out."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], 0, -1, -1, -1, 1 << 31)
    for number, value in enumerate(values):
        assert builder.append(number, 1_000 + number, b"key", value, [("h", b"v")])
    data = bytearray(builder.build())
    data[:8] = first_offset.to_bytes(8, "big")
    return bytes(data)


def read(data: bytes, first_offset: int = 0) -> list[ConsumerRecord]:
    """Return what a consumer hands out of one fetch."""
    return list(partition_records(data, first_offset))


def partition_records(data: bytes, first_offset: int = 0) -> PartitionRecords:
    return PartitionRecords(
        TopicPartition("t", 0),
        BoundedRecords(data),
        [],
        first_offset,
        None,
        None,
        True,
        READ_UNCOMMITTED,
    )


@pytest.mark.parametrize("codec", CODECS)
def test_records_come_through_unchanged(codec: str) -> None:
    """Offsets, keys, headers and times too."""
    noise = random.Random(1)
    values = [noise.randbytes(size) for size in (0, 1, 700, 40_000)] * 3

    records = read(batch(codec, values) + batch(codec, values, len(values)))

    assert [record.value for record in records] == values * 2
    assert [record.offset for record in records] == list(range(2 * len(values)))
    assert {(record.key, record.headers) for record in records} == {(b"key", (("h", b"v"),))}
    assert records[2].timestamp == 1_002


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_of_many_large_messages_is_not_too_large(codec: str) -> None:
    values = [PIECE] * (MAX_UNPACKED_BYTES // len(PIECE) - 1)

    assert [len(record.value) for record in read(batch(codec, values))] == [4 * MIB] * len(values)


@pytest.mark.parametrize("codec", COMPRESSED)
def test_a_batch_that_unpacks_to_too_much_is_one_record_at_its_last_offset(codec: str) -> None:
    """What stands behind it is read as ever."""
    bomb = batch(codec, BOMB, 5)
    after = 5 + len(BOMB)

    unreadable, record = read(bomb + batch(codec, [b"good"], after), 5)

    assert unreadable.offset == after - 1
    assert isinstance(unreadable.value, UnreadableBatch)
    assert unreadable.value == bomb
    assert "unpacks to more" in unreadable.value.reason
    assert (record.offset, record.value) == (after, b"good")


@pytest.mark.parametrize("codec", COMPRESSED)
def test_refusing_costs_no_more_memory_than_the_bound(codec: str) -> None:
    bomb = batch(codec, BOMB * 3)

    tracemalloc.start()
    read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < MAX_UNPACKED_BYTES + len(bomb) * 3 + 4 * MIB


class Assignment:
    """A partition that stays ours, and how far it was read."""

    active = True
    paused = False
    position = 0

    def state_value(self, _: TopicPartition) -> "Assignment":
        """Return the state of the only partition."""
        return self

    def consumed_to(self, position: int) -> None:
        """Note the position."""
        self.position = position


def fetched(data: bytes) -> tuple[BoundedFetch, Assignment]:
    """Return what a consumer keeps of one fetch."""
    assignment, partition = Assignment(), TopicPartition("t", 0)
    records = partition_records(data)
    fetch = BoundedFetch(partition, assignment=assignment, partition_records=records, backoff=0.0)
    return fetch, assignment


def test_large_messages_are_taken_a_few_at_a_time() -> None:
    """None is lost, and the position follows."""
    values = [PIECE] * 10
    fetch, assignment = fetched(batch("zstd", values) + batch("zstd", [b"small"] * 3, 10))

    taken = []
    while fetch.has_more():
        taken.append([record.offset for record in fetch.getall(500)])
        assert assignment.position == taken[-1][-1] + 1

    at_once = MAX_TAKEN_BYTES // len(PIECE)
    assert [len(each) for each in taken] == [at_once, at_once, 10 - 2 * at_once + 3]
    assert [offset for each in taken for offset in each] == list(range(13))


def test_small_messages_are_taken_up_to_the_count() -> None:
    fetch, _ = fetched(batch("none", [b"small"] * 7))

    counts = [len(fetch.getall(3)) for _ in range(3)]

    assert counts == [3, 3, 1]
    assert not fetch.has_more()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("at", [17, HEADER_BYTES, -1], ids=["checksum", "first byte", "last byte"])
def test_a_batch_with_a_wrong_checksum_is_one_record(codec: str, at: int) -> None:
    good = batch(codec, [b"a" * 100, b"b" * 100])

    unreadable, record = read(flipped(good, at % len(good)) + batch(codec, [b"c"], 2))

    assert unreadable.offset == 1
    assert "checksum" in unreadable.value.reason
    assert (record.offset, record.value) == (2, b"c")


def resealed(data: bytes) -> bytes:
    """Return a batch with the length and checksum that its bytes have now."""
    from aiokafka.record._crc32c import crc  # noqa: PLC0415 - private, for this alone

    body = bytearray(data)
    body[8:12] = (len(body) - OVERHEAD).to_bytes(4, "big")
    body[17:21] = crc(bytes(body[21:])).to_bytes(4, "big")
    return bytes(body)


def test_an_unknown_codec_is_one_record() -> None:
    good = bytearray(batch("none", [b"a"]))
    good[22] = 7

    (unreadable,) = read(resealed(bytes(good)))

    assert "codec" in unreadable.value.reason


@pytest.mark.parametrize("codec", COMPRESSED)
def test_broken_compression_is_one_record(codec: str) -> None:
    good = batch(codec, [b"some text that is longer than nothing" * 50])
    broken = resealed(good[: HEADER_BYTES + 10] + b"\xff" * 30)

    unreadable, record = read(broken + batch(codec, [b"c"], 1))

    assert isinstance(unreadable.value, UnreadableBatch)
    assert record.value == b"c"


def test_records_before_a_broken_one_come_through() -> None:
    good = bytearray(batch("none", [b"a" * 20, b"b" * 20, b"c" * 20]))
    second = good.index(b"b" * 20)
    good[second - 1] = 0x7F  # the value is longer than its record

    first, unreadable = read(resealed(bytes(good)))

    assert first.value == b"a" * 20
    assert (unreadable.offset, isinstance(unreadable.value, UnreadableBatch)) == (2, True)


@examples(300)
@given(data=st.data())
def test_no_bytes_of_a_batch_stop_a_consumer(data: st.DataObject) -> None:
    """It always hands out what stands behind, and never more than there was."""
    codec = data.draw(st.sampled_from(sorted(CODECS)))
    body = bytearray(batch(codec, [b"abc" * 40, b"", b"def" * 40]))
    places = st.integers(22, len(body) - 1)  # the length must stay, or nobody knows where it ends
    for at in data.draw(st.lists(places, min_size=1, max_size=6)):
        if 22 < at < HEADER_BYTES:
            continue  # offsets and times: the broker has written them
        body[at] = data.draw(st.integers(0, 255))
    sealed = resealed(bytes(body)) if data.draw(st.booleans()) else bytes(body)
    is_hidden = bool(sealed[22] & 0x20)  # the bit of a control batch, which clients never see

    records = read(sealed + batch(codec, [b"behind"], 3))

    assert (records[-1].offset, records[-1].value) == (3, b"behind")
    assert is_hidden or len(records) <= 5


@examples(300)
@given(codec=st.integers(0, 7), data=st.binary(max_size=300))
def test_any_bytes_are_bounded_or_refused(codec: int, data: bytes) -> None:
    """By exceptions that the batch takes for what they are: a sign that it cannot be read."""
    with contextlib.suppress(CorruptRecordException, struct.error, IndexError, zlib.error):
        check_unpacked_size(codec, memoryview(data))


def test_the_dead_letter_of_a_batch_says_where_it_stands_and_how_large_it_is() -> None:
    bomb = batch("zstd", BOMB, 5)
    (record,) = read(bomb, 5)
    message = Message(
        "t", 0, record.offset, 1.0, 0, [], record.key, record.value, None, tp=TP("t", 0)
    )

    letter = dead_letter(message, Refusal("toy", "c", record.value.reason))

    assert letter.value is not None
    described: dict[str, Any] = orjson.loads(letter.value)
    assert described["batch_offset"] == 5
    assert described["batch_last_offset"] == described["offset"] == record.offset
    assert described["size"] == len(bomb)
    assert dict(letter.headers or [])["abridged"] == b"1"

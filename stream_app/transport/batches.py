"""Batches of records as the brokers hand them out, unpacked within bounds.

A client unpacks a whole batch at once: one of a few kilobytes may hold gigabytes, and one that
cannot be read (a wrong checksum, broken compression, an unknown codec, records that contradict
their lengths) ends every consumer that meets it. Here such a batch becomes one record at its last
offset whose value is an `UnreadableBatch`, so that the partition goes on behind it.

Most batches are let through by a bound that costs nothing: the blocks of a compressed stream say
how much they can hold at most. Only what may be too much is measured, into a buffer of that size.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord

MAX_TAKEN_BYTES = 16 * 1024 * 1024  # at once of a partition; 500 largest messages are 2 GB
MAX_UNPACKED_BYTES = 64 * 1024 * 1024  # 16 messages of the largest size; gateways batch 256 KiB

_LENGTH_AT, _MAGIC_AT, _OVERHEAD = 8, 16, 12  # offset, length; then epoch, magic
_HEADER_BYTES = 61
_MAGIC = 2  # of the one format that brokers write since 2017
_CODEC_MASK = 0x07
_NONE, _GZIP, _SNAPPY, _LZ4, _ZSTD = range(5)
_ZSTD_BLOCK_BYTES = 128 * 1024
_ZSTD_MAGIC, _ZSTD_SKIPPABLE = 0xFD2FB528, 0x184D2A50
_REPEATED, _COMPRESSED = 1, 2  # kinds of blocks
_MORE = 0x80  # another byte of the number follows
_LZ4_MAGIC = 0x184D2204
_LZ4_RATIO, _DEFLATE_RATIO = 255, 1032  # a stream of the format unpacks to at most this multiple
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16


# What aiokafka's parser and the decompressors raise for bytes that are not what they should be;
# errors of aiokafka are RuntimeErrors
UNREADABLE = (
    RuntimeError,
    cramjam.DecompressionError,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    BufferError,
    MemoryError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
)


class UnreadableBatch(bytes):
    """The value of a record that stands for a batch that was not unpacked.

    Attributes:
        details: Where the batch stands and how large it is, as JSON values.
        reason: Why it was not.
    """

    details: dict[str, object]
    reason: str

    @classmethod
    def of(cls, raw: bytes, batch: Any, reason: str) -> "UnreadableBatch":
        """Return the value of an unreadable batch; its bytes are those of the compressed batch."""
        unreadable = cls(raw)
        unreadable.reason = reason
        unreadable.details = {
            "batch_offset": batch.base_offset,
            "batch_last_offset": batch.next_offset - 1,
        }
        return unreadable


@dataclass(frozen=True, slots=True)
class _Record:
    """What a consumer expects of a record."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: bytes
    key: bytes | None = None
    checksum: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class BoundedBatch:
    """A batch that yields its records, and one record for those that cannot be read.

    Args:
        raw: From its offset to its end.
    """

    def __init__(self, raw: memoryview) -> None:
        self._raw = raw
        self._batch = DefaultRecordBatch(raw)
        self._records: Iterator[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what the header of the batch says."""
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        """Return True: a wrong checksum shows when the records are asked for."""
        return True

    def __iter__(self) -> Iterator[Any]:
        """Return the records."""
        self._records = self._readable()
        return self._records

    def __next__(self) -> Any:
        """Return the next record."""
        if self._records is None:
            self._records = self._readable()
        return next(self._records)

    def _readable(self) -> Iterator[Any]:
        try:
            self._check()
            yield from self._batch
        except UNREADABLE as error:
            yield self._unreadable(f"a batch that cannot be read: {error!r}"[:300])

    def _check(self) -> None:
        if not self._batch.validate_crc():
            raise CorruptRecordException("wrong checksum")
        codec = self._batch.attributes & _CODEC_MASK
        if codec != _NONE:
            check_unpacked_size(codec, self._raw[_HEADER_BYTES:])

    def _unreadable(self, reason: str) -> _Record:
        batch = self._batch
        value = UnreadableBatch.of(bytes(self._raw), batch, reason)
        offset = batch.next_offset - 1
        return _Record(offset, batch.max_timestamp, batch.timestamp_type, value)


class BoundedRecords:
    """The records of a partition from one fetch, in place of aiokafka's class.

    Args:
        data: Whole batches; the last one may be cut off.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._whole = MemoryRecords(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        """Return the bytes of all batches."""
        return len(self._data)

    def has_next(self) -> bool:
        """Return whether there is one more whole batch."""
        has_next: bool = self._whole.has_next()
        return has_next

    def next_batch(self) -> Any:
        """Return the next batch.

        Raises:
            CorruptRecordException: There is no telling where it ends; brokers hand out no such.
        """
        batch = self._whole.next_batch()
        start = self._at
        (length,) = struct.unpack_from(">i", self._data, start + _LENGTH_AT)
        self._at = start + _OVERHEAD + length
        if batch is None or self._data[start + _MAGIC_AT] != _MAGIC:
            return batch
        return BoundedBatch(self._data[start : self._at])


class BoundedFetch(fetcher.FetchResult):  # type: ignore[misc]  # aiokafka has no types
    """What a fetch brought of a partition, handed out in stretches of bounded size."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[ConsumerRecord]:
        """Return the next records: not too many, and not too many bytes."""
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        taken: list[ConsumerRecord] = []
        size = 0
        for record in self._partition_records:
            taken.append(record)
            size += max(record.serialized_key_size, 0) + max(record.serialized_value_size, 0)
            if len(taken) == max_records or size >= MAX_TAKEN_BYTES:
                self._update_position()
                return taken
        self._update_position()
        self._partition_records = None
        return taken


def bound_batches() -> None:
    """Let every consumer of this process unpack and take batches within bounds."""
    fetcher.MemoryRecords = BoundedRecords
    fetcher.FetchResult = BoundedFetch


def check_unpacked_size(codec: int, data: memoryview) -> None:
    """Do nothing if what is compressed has at most `MAX_UNPACKED_BYTES`.

    Raises:
        CorruptRecordException: It has more, or cannot be unpacked.
    """
    if codec == _GZIP:
        if len(data) * _DEFLATE_RATIO > MAX_UNPACKED_BYTES:
            _measure_gzip(data)
        return
    if codec not in _BOUNDS:
        return  # the batch itself says that it does not know it
    bound = _BOUNDS[codec](data)
    if bound <= MAX_UNPACKED_BYTES:
        return
    if codec == _SNAPPY:
        raise CorruptRecordException(_TOO_LARGE)  # each of its blocks says exactly how large it is
    _measure(codec, data)


_TOO_LARGE = f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes"
_UNKNOWN = MAX_UNPACKED_BYTES + 1  # a stream that we do not understand has to be measured


def _measure(codec: int, data: memoryview) -> None:
    module = cramjam.zstd if codec == _ZSTD else cramjam.lz4
    try:
        module.decompress_into(data, bytearray(MAX_UNPACKED_BYTES))
    except cramjam.DecompressionError as error:
        raise CorruptRecordException(f"{_TOO_LARGE}, or is broken: {error}") from error


def _measure_gzip(data: memoryview) -> None:
    unpacked, rest = 0, bytes(data)
    while rest:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            piece = stream.decompress(rest, 1 << 20)
            unpacked += len(piece)
            rest = stream.unconsumed_tail
            if unpacked > MAX_UNPACKED_BYTES:
                raise CorruptRecordException(_TOO_LARGE)
            if not piece and not rest:
                break
        rest = stream.unused_data


def _zstd_bound(data: memoryview) -> int:
    """Return how much the blocks of all frames can hold at most; RFC 8878, section 3.1."""
    bound, at = 0, 0
    while at < len(data):
        (magic,) = struct.unpack_from("<I", data, at)
        if magic & 0xFFFFFFF0 == _ZSTD_SKIPPABLE:
            at += 8 + struct.unpack_from("<I", data, at + 4)[0]
            continue
        if magic != _ZSTD_MAGIC:
            return _UNKNOWN
        at, held = _zstd_frame(data, at + 4)
        bound += held
    return bound


def _zstd_frame(data: memoryview, at: int) -> tuple[int, int]:
    """Return where a frame ends and how much its blocks can hold."""
    descriptor = data[at]
    is_single = bool(descriptor & 0x20)
    dictionary = (0, 1, 2, 4)[descriptor & 0x03]
    content = (int(is_single), 2, 4, 8)[descriptor >> 6]
    at += 1 + (not is_single) + dictionary + content
    held, is_last = 0, False
    while not is_last:
        header = int.from_bytes(data[at : at + 3], "little")
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        held += _ZSTD_BLOCK_BYTES if kind == _COMPRESSED else size
        at += 3 + (1 if kind == _REPEATED else size)
        if at > len(data):
            return len(data), _UNKNOWN
    return at + 4 * bool(descriptor & 0x04), held


def _lz4_bound(data: memoryview) -> int:
    """Return how much the blocks of all frames can hold at most; LZ4 frame format 1.6."""
    if len(data) * _LZ4_RATIO <= MAX_UNPACKED_BYTES:
        return len(data) * _LZ4_RATIO
    (magic,) = struct.unpack_from("<I", data, 0)
    if magic != _LZ4_MAGIC:
        return _UNKNOWN
    flags, descriptor = data[4], data[5]
    largest = 1 << (8 + 2 * (descriptor >> 4 & 0x07))
    at = 7 + 8 * bool(flags & 0x08) + 4 * bool(flags & 0x01)
    bound = 0
    while at + 4 <= len(data):
        (size,) = struct.unpack_from("<I", data, at)
        if not size:
            is_only = at + 4 + 4 * bool(flags & 0x04) == len(data)
            return bound if is_only else _UNKNOWN
        size &= 0x7FFFFFFF
        bound += min(largest, size * _LZ4_RATIO)
        at += 4 + size + 4 * bool(flags & 0x10)
    return _UNKNOWN


def _snappy_bound(data: memoryview) -> int:
    """Return the sum of what each block says that it holds."""
    if bytes(data[: len(_XERIAL)]) != _XERIAL:
        return _snappy_length(data)
    bound, at = 0, _XERIAL_HEADER_BYTES
    while at + 4 <= len(data):
        (size,) = struct.unpack_from(">i", data, at)
        if size <= 0:
            return _UNKNOWN
        bound += _snappy_length(data[at + 4 : at + 4 + size])
        at += 4 + size
    return bound


def _snappy_length(block: memoryview) -> int:
    length = 0
    for index, byte in enumerate(block[:5]):
        length |= (byte & ~_MORE) << (7 * index)
        if not byte & _MORE:
            return length
    return _UNKNOWN


_BOUNDS: dict[int, Callable[[memoryview], int]] = {
    _SNAPPY: _snappy_bound,
    _LZ4: _lz4_bound,
    _ZSTD: _zstd_bound,
}

"""Marks of work under way, in memory that outlives the process.

An area of shared memory, which the supervisor makes and reads, holds a mark for each input of the
group that is being fed, for each request of the batch that the model runs, and for each result that
is being taken in. A mark is written before the work begins and cleared when it is done, so that
after a death what is left says what may have led to it. A mark costs a microsecond.
"""

import asyncio
import contextlib
import hashlib
import mmap
import os
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

import msgspec

MARK_BYTES = 16
MAX_MARKS = 256  # of an area; a group of inputs has 64 at most
_COUNT = struct.Struct("<I")
_INPUT = struct.Struct("<iq4x")
AREA_BYTES = _COUNT.size + MAX_MARKS * MARK_BYTES

ItemT = TypeVar("ItemT")

SET_ASIDE = "under way at two deaths in a row"
TURN_POLL_S = 0.002
REST_SHARE = 9  # times the work: a suspect is at work for a tenth of the time
LONGEST_REST_S = 0.1

Area = Literal["inputs", "requests", "results"]
AREAS: tuple[Area, ...] = ("inputs", "requests", "results")
SHARED_BYTES = len(AREAS) * AREA_BYTES


class Suspects(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor tells a process about the deaths of those before it, marks as hex.

    Attributes:
        suspected: Under way at the last death; each is to be taken alone.
        convicted: Under way at two deaths in a row, and alone at the second; to be set aside.
    """

    suspected: tuple[str, ...] = ()
    convicted: tuple[str, ...] = ()


def input_mark(partition: int, offset: int) -> bytes:
    """Return the mark of an input."""
    return _INPUT.pack(partition, offset)


def read_input_mark(mark: bytes) -> tuple[int, int]:
    """Return partition and offset of an input."""
    partition, offset = _INPUT.unpack(mark)
    return partition, offset


def request_mark(partition: int, call_id: str, identity: tuple[object, ...]) -> bytes:
    """Return the mark of an inference request; see `effects.InferenceRequest.identity`."""
    text = repr((partition, call_id, identity)).encode(errors="replace")
    return hashlib.blake2b(text, digest_size=MARK_BYTES).digest()


def read_marks(shared: mmap.mmap) -> dict[Area, tuple[bytes, ...]]:
    """Return what was under way in each area."""
    return {area: tuple(_marks(shared, number)) for number, area in enumerate(AREAS)}


def _marks(shared: mmap.mmap, number: int) -> Iterator[bytes]:
    start = number * AREA_BYTES
    (count,) = _COUNT.unpack_from(shared, start)
    for index in range(min(count, MAX_MARKS)):
        at = start + _COUNT.size + index * MARK_BYTES
        yield bytes(shared[at : at + MARK_BYTES])


class _Turn:
    """Permission to work: for any number side by side, or for one suspect alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working = 0
        self._is_alone = False
        self._asked_alone_s = 0.0

    def take(self, *, alone: bool) -> bool:
        """Return whether the work may begin; if not, ask again.

        While a suspect waits nothing else begins, or it would wait for ever; one that has stopped
        asking blocks nothing.
        """
        now_s = time.monotonic()
        with self._lock:
            if alone:
                self._asked_alone_s = now_s
            is_waited_for = not alone and now_s - self._asked_alone_s < 10 * TURN_POLL_S
            if self._is_alone or is_waited_for or (alone and self._working):
                return False
            self._working += 1
            self._is_alone = alone
            return True

    def give_back(self) -> None:
        """End the work."""
        with self._lock:
            self._working -= 1
            self._is_alone = False


class UnderWay:
    """Marks of one process, and what is known of the deaths of those before it.

    Args:
        shared: Of at least `SHARED_BYTES`; memory of this process alone by default.
        suspects: From the supervisor.
    """

    def __init__(self, shared: mmap.mmap | None = None, suspects: Suspects | None = None) -> None:
        self._shared = shared if shared is not None else mmap.mmap(-1, SHARED_BYTES)
        known = suspects or Suspects()
        self._suspected = {bytes.fromhex(mark) for mark in known.suspected}
        self._convicted = frozenset(bytes.fromhex(mark) for mark in known.convicted)
        self._turn = _Turn()

    def apart(
        self, items: Sequence[ItemT], mark_of: Callable[[ItemT], bytes]
    ) -> Iterator[Sequence[ItemT]]:
        """Yield the items in their order, together but for suspects, which come alone."""
        if not self._suspected:
            if items:
                yield items
            return
        together: list[ItemT] = []
        for item in items:
            if mark_of(item) not in self._suspected:
                together.append(item)
                continue
            if together:
                yield together
                together = []
            yield [item]
        if together:
            yield together

    def is_convicted(self, mark: bytes) -> bool:
        """Return whether this has to be set aside."""
        return mark in self._convicted

    @property
    def has_suspects(self) -> bool:
        """Return whether anything is still to be taken alone."""
        return bool(self._suspected)

    @contextlib.contextmanager
    def marked(
        self, area: Area, marks: Sequence[bytes], *, within: Sequence[bytes] = ()
    ) -> Iterator[None]:
        """Mark work while it is done; what raises leaves its marks behind.

        Args:
            area: Of the work.
            marks: Of the work.
            within: Marks of the work that waits for it meanwhile; they stay.
        """
        self._write(area, (*within, *marks))
        yield
        self._write(area, within)
        self._suspected.difference_update(marks)

    @contextlib.contextmanager
    def alone(self, marks: Iterable[bytes]) -> Iterator[None]:
        """Let a suspect among these marks be the only work of the process; for threads.

        While there are suspects, all work asks here: the rest goes on side by side.
        """
        if not self._suspected:
            yield
            return
        is_suspect = not self._suspected.isdisjoint(marks)
        while not self._turn.take(alone=is_suspect):
            time.sleep(TURN_POLL_S)
        try:
            yield
        finally:
            self._turn.give_back()

    @contextlib.asynccontextmanager
    async def alone_on_loop(self, marks: Iterable[bytes]) -> AsyncIterator[None]:
        """Do the same on the event loop, which goes on meanwhile, and rest after each suspect.

        Else a worker that catches up would be at work on one suspect or another all the time, and
        a second kill from outside would find one alone.
        """
        if not self._suspected:
            yield
            return
        is_suspect = not self._suspected.isdisjoint(marks)
        while not self._turn.take(alone=is_suspect):  # noqa: ASYNC110 - a thread gives it back
            await asyncio.sleep(TURN_POLL_S)
        began_s = time.monotonic()
        try:
            yield
        finally:
            self._turn.give_back()
        if is_suspect:
            worked_s = time.monotonic() - began_s
            await asyncio.sleep(min(REST_SHARE * worked_s, LONGEST_REST_S))

    def clear(self, *areas: Area) -> None:
        """Forget what is under way in some areas: it is not to blame for what comes."""
        for area in areas:
            self.leave(area, ())

    def leave(self, area: Area, marks: Sequence[bytes]) -> None:
        """Forget what is under way in an area but for this."""
        self._write(area, marks)

    def _write(self, area: Area, marks: Sequence[bytes]) -> None:
        start = AREAS.index(area) * AREA_BYTES
        body = b"".join(marks[:MAX_MARKS])
        first = start + _COUNT.size
        self._shared[first : first + len(body)] = body
        _COUNT.pack_into(self._shared, start, len(body) // MARK_BYTES)  # the last: all or nothing


def shared_area(descriptor: int) -> mmap.mmap | None:
    """Return the memory behind a descriptor, None without one."""
    if descriptor < 0:
        return None
    shared = mmap.mmap(descriptor, SHARED_BYTES)
    os.close(descriptor)
    return shared

"""The supervisor's side of the quarantine: what was under way when a process died.

What was under way at a death is suspected, and the next process takes each suspect alone. A suspect
that is alone under way at the next death too is convicted: every later process sets it aside.
Nothing else is: a kill that hits at random finds other work under way, or none.
"""

import mmap
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from stream_app.runtime.memory.under_way import (
    SHARED_BYTES,
    Area,
    Suspects,
    read_input_mark,
    read_marks,
)

log = structlog.get_logger(__name__)

MAX_CONVICTED = 512  # the newest; older ones are dead letters by then
QUICK_CONVICTIONS = 16  # in a row without a delay; more mean that the agent cannot work at all


class Quarantine:
    """The deaths of one agent's processes; every process gets a fresh area.

    Attributes:
        descriptor: Of the area of the present process, for it to inherit.
    """

    def __init__(self) -> None:
        self.descriptor = -1
        self._shared: mmap.mmap | None = None
        self._suspected: frozenset[bytes] = frozenset()
        self._convicted: list[bytes] = []
        self._in_a_row = 0

    def open(self) -> Suspects:
        """Return what the next process has to know; ``descriptor`` is its area."""
        self.descriptor = _anonymous_file()
        os.truncate(self.descriptor, SHARED_BYTES)
        self._shared = mmap.mmap(self.descriptor, SHARED_BYTES)
        return Suspects(
            suspected=tuple(mark.hex() for mark in sorted(self._suspected)),
            convicted=tuple(mark.hex() for mark in self._convicted),
        )

    def close_descriptor(self) -> None:
        """Close our descriptor once the process has inherited it; the memory stays."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def note_end(self, *, is_clean: bool, was_ready: bool, was_steady: bool) -> bool:
        """Return whether the next process may start at once, since this end was explained.

        Args:
            is_clean: It ended as it was asked to.
            was_ready: It had its partitions.
            was_steady: It had run for long.
        """
        under_way = self._take_marks()
        if was_steady:
            self._in_a_row = 0
        if is_clean:
            self._suspected = frozenset()
            return False
        convicted = culprit(under_way, self._suspected)
        every = frozenset(mark for marks in under_way.values() for mark in marks)
        if every or was_ready:  # one that never got to work says nothing about the suspects
            self._suspected = every - {convicted}
        if convicted is None:
            return False
        log.error("agent.work_set_aside", **_described(convicted, under_way))
        self._convicted = [*self._convicted, convicted][-MAX_CONVICTED:]
        self._in_a_row += 1
        return self._in_a_row <= QUICK_CONVICTIONS

    def _take_marks(self) -> Mapping[Area, Sequence[bytes]]:
        self.close_descriptor()
        if self._shared is None:
            return {}
        under_way = read_marks(self._shared)
        self._shared.close()
        self._shared = None
        return under_way


def culprit(under_way: Mapping[Area, Sequence[bytes]], suspected: frozenset[bytes]) -> bytes | None:
    """Return the mark that was suspected and alone under way this time, None if there is none."""
    every = [mark for marks in under_way.values() for mark in marks]
    return every[0] if len(every) == 1 and every[0] in suspected else None


def _described(mark: bytes, under_way: Mapping[Area, Sequence[bytes]]) -> dict[str, object]:
    area = next(area for area, marks in under_way.items() if mark in marks)
    if area != "inputs":
        return {"work": area, "mark": mark.hex()}
    partition, offset = read_input_mark(mark)
    return {"work": area, "partition": partition, "offset": offset}


def _anonymous_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("callstream-under-way")
    descriptor, path = tempfile.mkstemp(prefix="callstream-under-way-")
    Path(path).unlink()
    return descriptor

"""Repeated log lines of libraries, held back and counted.

Without a broker the Kafka client writes several lines for every attempt to connect, hundreds a
second. The first ones say what is wrong; after them, a count at intervals says that it goes on.
"""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

FIRST_LINES = 3  # of a kind, written at once
SUMMARY_EVERY_S = 10.0
FORGOTTEN_AFTER_S = 60.0  # without a line; then the kind counts as new
MAX_KINDS = 500  # bounds the memory where a library formats values into its templates
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")  # of templates that were formatted too early
_TEMPLATE_LENGTH = 200

Kind = tuple[str, int, str]


@dataclass(slots=True)
class _Repeats:
    """Lines of one kind.

    Attributes:
        held: Number of lines that were counted and not written yet.
        last: The latest of them.
    """

    written_s: float
    heard_s: float
    written: int = 0
    held: int = 0
    last: logging.LogRecord | None = None


class RepeatLimiter(logging.Handler):
    """Passes lines on to a handler, but only the first few of each kind of a library's lines.

    A kind is a logger, a level and a message before its values are put in.

    Args:
        target: Writes the lines.
        limited: Names of loggers; those below them are limited too, all others never.
        now_s: A time that never jumps.
    """

    def __init__(
        self,
        target: logging.Handler,
        limited: Collection[str],
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._target = target
        self._limited = frozenset(limited)
        self._now_s = now_s
        self._kinds: OrderedDict[Kind, _Repeats] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record or count it; any record brings the summaries that are due."""
        now_s = self._now_s()
        self._summarise(now_s)
        if record.name.partition(".")[0] not in self._limited:
            self._target.handle(record)
            return
        repeats = self._repeats(_kind_of(record), now_s)
        repeats.heard_s = now_s
        if repeats.written < FIRST_LINES:
            repeats.written += 1
            repeats.written_s = now_s
            self._target.handle(record)
        else:
            repeats.held += 1
            repeats.last = record

    def close(self) -> None:
        """Write the summaries of lines that were only counted."""
        for repeats in self._kinds.values():
            self._write_summary(repeats, self._now_s())
        self._kinds.clear()
        super().close()

    def _repeats(self, kind: Kind, now_s: float) -> _Repeats:
        repeats = self._kinds.get(kind)
        if repeats is None or now_s - repeats.heard_s > FORGOTTEN_AFTER_S:
            repeats = self._kinds[kind] = _Repeats(now_s, now_s)
        self._kinds.move_to_end(kind)
        if len(self._kinds) > MAX_KINDS:
            _, forgotten = self._kinds.popitem(last=False)
            self._write_summary(forgotten, now_s)
        return repeats

    def _summarise(self, now_s: float) -> None:
        for repeats in self._kinds.values():
            if now_s - repeats.written_s >= SUMMARY_EVERY_S:
                self._write_summary(repeats, now_s)

    def _write_summary(self, repeats: _Repeats, now_s: float) -> None:
        record, times = repeats.last, repeats.held
        repeats.last, repeats.held, repeats.written_s = None, 0, now_s
        if record is None:
            return
        text = f"{record.getMessage()} (repeated {times} times)"
        summary = logging.makeLogRecord(
            record.__dict__ | {"msg": text, "args": (), "exc_info": None}
        )
        self._target.handle(summary)


def _kind_of(record: logging.LogRecord) -> Kind:
    template = _VARYING.sub("#", str(record.msg)[:_TEMPLATE_LENGTH])
    return record.name, record.levelno, template

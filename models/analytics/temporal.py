"""When a call took place, by the calendar of the contact centre."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import msgspec

from models.analytics.turns import TemporalContext
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from schemas.base import CallContext

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
TIMES_OF_DAY = ((22, "night"), (17, "evening"), (12, "afternoon"), (6, "morning"), (0, "night"))
_MINUTES = 60  # of an hour
_LEAP_YEAR = 2000  # every day of a year exists in it
_DAY = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})")
_SPAN = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")

Day = tuple[int, int, int]  # year, month, day; year 0 of a day of every year


class CallCalendar(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True
):
    """When a contact centre is open, and when it is busy.

    Attributes:
        timezone: Of the local times, as the IANA database names it.
        opening_hours: Spans such as ``08:00-18:00`` for each day of the week; days without are
            closed. Empty where unknown.
        holidays: Days on which it is closed: ``2026-04-03``, or ``12-25`` of every year.
        peak_season: First and last days such as ``11-20..01-06`` of every year, or
            ``2026-07-01..2026-07-14``. Empty where unknown.
    """

    timezone: str = "UTC"
    opening_hours: dict[Weekday, tuple[str, ...]] = {}
    holidays: tuple[str, ...] = ()
    peak_season: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be read.

        Raises:
            ValueError: A value is not of its form, or does not exist.
        """
        for part in ("_zone", "_spans", "_closed", "_seasons"):
            getattr(self, part)

    def local(self, unix_ns: int) -> datetime:
        """Return the local time of a moment."""
        return datetime.fromtimestamp(unix_ns // 1_000_000_000, self._zone)

    def is_open(self, moment: datetime) -> bool | None:
        """Whether a local time is within the opening hours; None where they are unknown."""
        if not self.opening_hours:
            return None
        if not self._closed.isdisjoint({_day(moment), _day(moment, every_year=True)}):
            return False
        minute = moment.hour * _MINUTES + moment.minute
        spans = self._spans.get(WEEKDAYS[moment.weekday()], ())
        return any(begin <= minute < end for begin, end in spans)

    def is_peak(self, moment: datetime) -> bool | None:
        """Whether a local time is in the peak season; None where that is unknown."""
        if not self.peak_season:
            return None
        return any(_contains(first, last, moment) for first, last in self._seasons)

    @cached_property
    def _zone(self) -> tzinfo:
        if self.timezone == "UTC":
            return UTC
        try:
            return ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            msg = (
                f"timezone: {self.timezone!r} is none that this machine knows "
                "(a name such as Europe/Berlin; the package tzdata has them all)"
            )
            raise ValueError(msg) from error

    @cached_property
    def _spans(self) -> dict[Weekday, tuple[tuple[int, int], ...]]:
        return {day: tuple(map(_span, spans)) for day, spans in self.opening_hours.items()}

    @cached_property
    def _closed(self) -> frozenset[Day]:
        return frozenset(_parsed(each, "holidays") for each in self.holidays)

    @cached_property
    def _seasons(self) -> tuple[tuple[Day, Day], ...]:
        return tuple(map(_season, self.peak_season))


def load_calendar(path: str | Path) -> CallCalendar:
    """Return the calendar of a TOML file.

    Raises:
        ConfigurationError: There is none, or it holds what is no calendar.
    """
    try:
        return msgspec.convert(tomllib.loads(Path(path).read_text("utf-8")), CallCalendar)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        msg = f"calendar {path}: {error}"
        raise ConfigurationError(msg) from error


def temporal_context(context: CallContext, calendar: CallCalendar) -> TemporalContext:
    """Return when a call took place; what the telephony does not tell is None."""
    wait_s = context.queue_wait_ms // 1_000 if context.queue_wait_ms > 0 else None
    if not context.started_at_ns:
        return TemporalContext(queue_wait_time_seconds=wait_s)
    return context_at(calendar.local(context.started_at_ns), calendar, wait_s)


def context_at(
    moment: datetime, calendar: CallCalendar, queue_wait_s: int | None = None
) -> TemporalContext:
    """Return when a call took place that began at a local time."""
    return TemporalContext(
        timestamp=moment.replace(tzinfo=None).isoformat(timespec="seconds"),
        time_of_day=next(name for hour, name in TIMES_OF_DAY if moment.hour >= hour),
        day_of_week=WEEKDAYS[moment.weekday()].capitalize(),
        business_hours=calendar.is_open(moment),
        queue_wait_time_seconds=queue_wait_s,
        peak_season=calendar.is_peak(moment),
    )


def _day(moment: datetime, *, every_year: bool = False) -> Day:
    return (0 if every_year else moment.year, moment.month, moment.day)


def _contains(first: Day, last: Day, moment: datetime) -> bool:
    day = _day(moment, every_year=first[0] == 0)
    if first <= last:
        return first <= day <= last
    return day >= first or day <= last  # over the turn of the year


def _parsed(text: str, field: str) -> Day:
    found = _DAY.fullmatch(text)
    year, month, day = (0, 0, 0) if found is None else (int(each or 0) for each in found.groups())
    try:
        date(year or _LEAP_YEAR, month, day)
    except ValueError as error:
        msg = f"{field}: {text!r} is no day (2026-12-25, or 12-25 of every year)"
        raise ValueError(msg) from error
    return (year, month, day)


def _season(text: str) -> tuple[Day, Day]:
    first, _, last = text.partition("..")
    begin, end = _parsed(first, "peak_season"), _parsed(last, "peak_season")
    if (begin[0] == 0) != (end[0] == 0) or (begin[0] and begin > end):
        msg = f"peak_season: {text!r} is no span (11-20..01-06, or 2026-07-01..2026-07-14)"
        raise ValueError(msg)
    return begin, end


def _span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    if found is not None:
        begin_hour, begin_minute, end_hour, end_minute = map(int, found.groups())
        begin, end = begin_hour * _MINUTES + begin_minute, end_hour * _MINUTES + end_minute
        if max(begin_minute, end_minute) < _MINUTES and begin < end <= 24 * _MINUTES:
            return begin, end
    msg = (
        f"opening_hours: {text!r} is no span of a day "
        "(08:00-18:00; over midnight as 22:00-24:00 and 00:00-02:00 of the next day)"
    )
    raise ValueError(msg)

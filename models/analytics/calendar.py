"""When a contact centre is open and busy, and what that says of the time of a call."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from models.analytics.turns import TemporalContext
from schemas.errors import ConfigurationError

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIMES_OF_DAY = ((5, "night"), (11, "morning"), (16, "afternoon"), (21, "evening"), (23, "night"))
_NS = 1_000_000_000
_LEAP_YEAR = 2_000  # has every day of a year


class Season(msgspec.Struct, frozen=True):
    """A busy time of every year, from the one day to the other, over the turn of the year or not.

    Attributes:
        first: Month and day, such as ``11-20``.
        last: Likewise; the day belongs to it.
    """

    first: str
    last: str

    def holds(self, day: date) -> bool:
        """Return whether a day is in it."""
        first, last, it = _in_year(self.first), _in_year(self.last), (day.month, day.day)
        return first <= it <= last if first <= last else it >= first or it <= last


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """Of a contact centre.

    Attributes:
        zone: Its time zone, of the IANA database.
        open_days: Days of the week, 0 is Monday.
        opens: Local time.
        closes: Local time; from then on it is closed.
        seasons: Its busy times of the year.
    """

    zone: str = "UTC"
    open_days: tuple[int, ...] = (0, 1, 2, 3, 4)
    opens: time = time(8)
    closes: time = time(18)
    seasons: tuple[Season, ...] = ()

    def is_open(self, moment: datetime) -> bool:
        """Return whether it is open at a local time."""
        return moment.weekday() in self.open_days and self.opens <= moment.time() < self.closes

    def is_busy(self, day: date) -> bool:
        """Return whether a day is in one of the seasons."""
        return any(season.holds(day) for season in self.seasons)

    def context(self, moment: datetime | None, queue_wait_s: int | None = None) -> TemporalContext:
        """Return what the time of a call says.

        Args:
            moment: Local time of its begin; None where that is not known.
            queue_wait_s: That the caller waited; None where that is not known.
        """
        if moment is None:
            return TemporalContext(queue_wait_time_seconds=queue_wait_s)
        return TemporalContext(
            timestamp=moment.replace(tzinfo=None).isoformat(timespec="seconds"),
            time_of_day=next(name for last, name in TIMES_OF_DAY if moment.hour <= last),
            day_of_week=DAYS[moment.weekday()],
            business_hours=self.is_open(moment),
            queue_wait_time_seconds=queue_wait_s,
            peak_season=self.is_busy(moment.date()) if self.seasons else None,
        )

    def local(self, at_ns: int) -> datetime | None:
        """Return a moment of the wall clock (Unix, ns) as local time; None for 0.

        Raises:
            ConfigurationError: This machine knows no such time zone.
        """
        if not at_ns:
            return None
        try:
            zone = ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigurationError(f"there is no time zone {self.zone!r}") from error
        return datetime.fromtimestamp(at_ns // _NS, UTC).astimezone(zone).replace(tzinfo=None)


def _in_year(text: str) -> tuple[int, int]:
    """Return month and day.

    Raises:
        ConfigurationError: There is no such day.
    """
    try:
        day = date.fromisoformat(f"{_LEAP_YEAR}-{text}")
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no day of a year; write it as 11-20") from error
    return day.month, day.day


def season_of(text: str) -> Season:
    """Return a season from ``11-20..12-31``.

    Raises:
        ConfigurationError: It is none.
    """
    first, dots, last = (part.strip() for part in text.partition(".."))
    if not dots:
        raise ConfigurationError(f"a season is FIRST..LAST such as 11-20..12-31, not {text!r}")
    for each in (first, last):
        _in_year(each)
    return Season(first, last)

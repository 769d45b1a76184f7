"""When calls took place, by the calendar of a contact centre."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.analytics.temporal import (
    CallCalendar,
    context_at,
    load_calendar,
    temporal_context,
)
from models.analytics.turns import TemporalContext
from schemas.base import CallContext
from schemas.errors import ConfigurationError

CALENDAR = """
timezone = "Europe/Berlin"
holidays = ["12-25", "2026-04-03"]
peak_season = ["11-20..01-06", "2026-07-01..2026-07-14"]

[opening_hours]
monday = ["08:00-12:30", "13:30-18:00"]
thursday = ["08:00-18:00"]
friday = ["08:00-24:00"]
"""


@pytest.fixture
def calendar(tmp_path: Path) -> CallCalendar:
    path = tmp_path / "calendar.toml"
    path.write_text(CALENDAR)
    return load_calendar(path)


def unix_ns(utc: str) -> int:
    return int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()) * 10**9


def test_a_call_has_local_time_and_the_weekday_of_its_date(calendar: CallCalendar) -> None:
    """15 January 2026 is a Thursday."""
    context = CallContext(started_at_ns=unix_ns("2026-01-15T13:30:00"), queue_wait_ms=120_900)

    assert temporal_context(context, calendar) == TemporalContext(
        timestamp="2026-01-15T14:30:00",
        time_of_day="afternoon",
        day_of_week="Thursday",
        business_hours=True,
        queue_wait_time_seconds=120,
        peak_season=False,
    )


def test_local_time_knows_summer_time_and_other_days(calendar: CallCalendar) -> None:
    moment = calendar.local(unix_ns("2026-06-30T22:30:00"))

    context = context_at(moment, calendar)

    assert (context.timestamp, context.day_of_week) == ("2026-07-01T00:30:00", "Wednesday")
    assert context.peak_season is True


@pytest.mark.parametrize("wait_ms", [0, -1])
def test_what_is_not_told_is_none(calendar: CallCalendar, wait_ms: int) -> None:
    unknown = CallContext(queue_wait_ms=wait_ms)

    assert temporal_context(unknown, calendar) == TemporalContext()
    assert temporal_context(CallContext(queue_wait_ms=2_000), calendar) == TemporalContext(
        queue_wait_time_seconds=2
    )
    known = temporal_context(CallContext(started_at_ns=1), CallCalendar())
    assert (known.timestamp, known.day_of_week) == ("1970-01-01T00:00:00", "Thursday")
    assert (known.business_hours, known.peak_season) == (None, None)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-01-12T07:59", False),
        ("2026-01-12T08:00", True),
        ("2026-01-12T12:30", False),
        ("2026-01-12T13:30", True),
        ("2026-01-12T18:00", False),
        ("2026-01-13T10:00", False),  # a Tuesday
        ("2026-01-16T23:59", True),
        ("2026-12-25T10:00", False),  # a Friday, every year
        ("2026-04-03T10:00", False),  # a Friday, in 2026 alone
        ("2025-04-03T10:00", True),  # a Thursday
    ],
)
def test_opening_hours_end_before_their_last_minute_and_on_holidays(
    calendar: CallCalendar, moment: str, is_open: bool
) -> None:
    assert context_at(datetime.fromisoformat(moment), calendar).business_hours == is_open


@pytest.mark.parametrize(
    ("day", "is_peak"),
    [
        ("2026-11-19", False),
        ("2026-11-20", True),
        ("2027-01-06", True),
        ("2027-01-07", False),
        ("2026-07-14", True),
        ("2027-07-14", False),
    ],
)
def test_a_peak_season_has_both_its_days_and_may_pass_new_year(
    calendar: CallCalendar, day: str, is_peak: bool
) -> None:
    assert context_at(datetime.fromisoformat(day), calendar).peak_season == is_peak


def test_every_hour_has_its_time_of_day() -> None:
    hours = [
        context_at(datetime.fromisoformat(f"2026-01-15T{hour:02}:59"), CallCalendar()).time_of_day
        for hour in range(24)
    ]

    assert hours == (
        ["night"] * 6 + ["morning"] * 6 + ["afternoon"] * 5 + ["evening"] * 5 + ["night"] * 2
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("Europe/Berlin", "Europe/Atlantis", "timezone: 'Europe/Atlantis' is none"),
        ("Europe/Berlin", "../etc", "timezone: '../etc' is none"),
        ("12-25", "12-32", "holidays: '12-32' is no day"),
        ("12-25", "Christmas", "holidays: 'Christmas' is no day"),
        ("11-20..01-06", "11-20", "peak_season: '' is no day"),
        ("11-20..01-06", "2026-11-20..01-06", "peak_season: .* is no span"),
        ("2026-07-14", "2026-06-14", "peak_season: .* is no span"),
        ("08:00-18:00", "08:00-18:60", "opening_hours: '08:00-18:60' is no span"),
        ("08:00-18:00", "22:00-02:00", "opening_hours: .* over midnight"),
        ("thursday", "donnerstag", "'donnerstag'"),
        ("timezone", "time_zone", "unknown field `time_zone`"),
        ("[opening_hours]", "[opening_hours", "line 6"),
    ],
)
def test_what_is_no_calendar_is_one_clear_error(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    path = tmp_path / "calendar.toml"
    path.write_text(CALENDAR.replace(before, after, 1))

    with pytest.raises(ConfigurationError, match=told) as raised:
        load_calendar(path)
    assert str(raised.value).startswith(f"calendar {path}: ")


def test_a_calendar_that_is_no_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_calendar(tmp_path / "none.toml")

"""What the calendar of a contact centre says of the time of a call."""

from datetime import date, datetime, time

import pytest

from models.analytics.calendar import Calendar, season_of
from schemas.errors import ConfigurationError

CENTRE = Calendar(zone="America/New_York", seasons=(season_of("11-20..01-06"),))
NS = 1_000_000_000


@pytest.mark.parametrize(
    ("hour", "name"),
    [
        *((hour, "night") for hour in (0, 5, 22, 23)),
        *((hour, "morning") for hour in (6, 11)),
        *((hour, "afternoon") for hour in (12, 16)),
        *((hour, "evening") for hour in (17, 21)),
    ],
)
def test_the_time_of_day_follows_from_the_hour(hour: int, name: str) -> None:
    moment = datetime.combine(date(2026, 1, 15), time(hour, 59))

    assert CENTRE.context(moment).time_of_day == name


def test_a_call_takes_place_in_the_time_zone_of_the_centre() -> None:
    """23:30 on a Friday in UTC is after hours in New York, and before its weekend."""
    at_ns = int(datetime.fromisoformat("2026-11-27T23:30:00+00:00").timestamp()) * NS

    context = CENTRE.context(CENTRE.local(at_ns), 12)

    assert context.timestamp == "2026-11-27T18:30:00"
    assert (context.day_of_week, context.time_of_day) == ("Friday", "evening")
    assert context.business_hours is False
    assert context.peak_season is True
    assert context.queue_wait_time_seconds == 12


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("2026-11-27T08:00:00", True),
        ("2026-11-27T07:59:59", False),
        ("2026-11-27T17:59:59", True),
        ("2026-11-27T18:00:00", False),
        ("2026-11-28T12:00:00", False),
    ],
)
def test_it_is_open_from_the_first_moment_to_before_the_last(text: str, is_open: bool) -> None:
    assert CENTRE.context(datetime.fromisoformat(text)).business_hours is is_open


def test_a_season_may_run_over_the_turn_of_the_year() -> None:
    days = ("11-19", "11-20", "12-31", "01-01", "01-06", "01-07")

    assert [CENTRE.is_busy(date.fromisoformat(f"2026-{day}")) for day in days] == [
        *(False, True, True, True, True, False)
    ]
    assert Calendar().context(datetime.fromisoformat("2026-11-27T08:00:00")).peak_season is None


def test_what_is_not_known_is_left_open() -> None:
    context = CENTRE.context(CENTRE.local(0))

    assert (context.timestamp, context.business_hours, context.peak_season) == (None, None, None)


@pytest.mark.parametrize("text", ["11-20", "11-20..13-01", "02-30..03-01", ".."])
def test_a_season_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        season_of(text)


def test_a_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no time zone 'Mars/Base'"):
        Calendar(zone="Mars/Base").local(1)

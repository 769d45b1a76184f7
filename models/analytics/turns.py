"""What of a call goes into an analysis: who said what, and when the call took place."""

from __future__ import annotations

import msgspec

from schemas.base import Party


class SpokenTurn(msgspec.Struct, frozen=True, array_like=True):
    """A turn of a call.

    Attributes:
        party: Who speaks.
        text: As it was recognized.
    """

    party: Party
    text: str


class TemporalContext(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a call took place and what preceded it; None what is not known.

    Attributes:
        timestamp: Local time of its begin, ISO 8601 without an offset.
        time_of_day: Morning from 6, afternoon from 12, evening from 17, night from 22 o'clock.
        day_of_week: Computed from the timestamp.
        business_hours: Whether the calendar says that the contact centre was open.
        queue_wait_time_seconds: That the caller waited.
        peak_season: Whether the calendar says that it was busy.
    """

    timestamp: str | None = None
    time_of_day: str | None = None
    day_of_week: str | None = None
    business_hours: bool | None = None
    queue_wait_time_seconds: int | None = None
    peak_season: bool | None = None

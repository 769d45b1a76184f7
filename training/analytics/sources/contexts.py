"""When a call took place: as its file says it, made complete by the calendar."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict, replace

from models.analytics.temporal import context_at
from models.analytics.turns import TemporalContext
from training.analytics.sources.protocol import Remark, UnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.analytics.temporal import CallCalendar

KEYS = TemporalContext.__struct_fields__
_NS = 1_000_000_000
_COMPUTED = ("time_of_day", "day_of_week")  # from the timestamp alone
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def given_context(values: Mapping[str, Any]) -> TemporalContext:
    """Return what a file says of the time of a call; other keys are passed over.

    Raises:
        UnusableError: A value is of another kind.
    """
    try:
        return msgspec.convert(
            {key: _plain(values[key]) for key in KEYS if values.get(key) not in (None, "")},
            TemporalContext,
            strict=False,
        )
    except msgspec.ValidationError as error:
        raise UnusableError(f"its temporal context: {error}") from error


def complete_context(
    given: TemporalContext, calendar: CallCalendar
) -> tuple[TemporalContext, tuple[Remark, ...]]:
    """Return all that the time of a call says, and what of the file was corrected.

    Time of day and day of the week follow from the timestamp. Business hours and peak season are
    as the file says, else as the calendar does.

    Raises:
        UnusableError: The timestamp is none, or the wait is negative.
    """
    wait = given.queue_wait_time_seconds
    if wait is not None and wait < 0:
        raise UnusableError(f"queue_wait_time_seconds: {wait} is below 0")
    if given.timestamp is None:
        return given, ()
    computed = context_at(_local_time(given.timestamp, calendar), calendar, wait)
    remarks = []
    for key in _COMPUTED:
        said, holds = getattr(given, key), getattr(computed, key)
        if said is not None and said.casefold() != holds.casefold():
            day = (computed.timestamp or "").replace("T", " ")
            remarks.append(Remark(f"{key} corrected", f"{day} is {holds}, not {said}"))
    kept = {
        key: value
        for key, value in asdict(given).items()
        if key in {"business_hours", "peak_season"} and value is not None
    }
    return replace(computed, **kept), tuple(remarks)


def _local_time(text: str, calendar: CallCalendar) -> datetime:
    """Return the local time of a timestamp; one with an offset is moved to the centre's zone."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UnusableError(
            f"timestamp: {text!r} is no time such as 2026-01-15T14:30:00"
        ) from error
    if moment.tzinfo is None:
        return moment
    return calendar.local(int(moment.timestamp()) * _NS)


def _plain(value: Any) -> Any:
    """Return a value whose text says true or false as such."""
    return _TRUTH.get(value.strip().casefold(), value.strip()) if isinstance(value, str) else value

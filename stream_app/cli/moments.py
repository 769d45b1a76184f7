"""Moments as options name them: a date and time, or how long ago."""

import re
from datetime import UTC, datetime

import typer

_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_AGO = re.compile(r"(\d{1,6})([mhdw])")
_MS = 1_000


def parse_moment(text: str, now_ms: int) -> int:
    """Return a moment in ms since 1970.

    Args:
        text: ``90m``, ``24h``, ``7d`` or ``2w`` ago, or ISO 8601, UTC where it names no zone.
        now_ms: The present.

    Raises:
        typer.BadParameter: It is neither.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return now_ms - int(ago[1]) * _UNIT_MS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"'{text}' is no moment; use 24h, 7d, 2w or a date such as 2026-11-27T12:00"
        raise typer.BadParameter(message) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * _MS)

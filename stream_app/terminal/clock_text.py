"""The audio clock as text."""


def clock_text(at_ms: int) -> str:
    """Return ``m:ss.t`` or ``h:mm:ss.t``."""
    return f"{whole_seconds_text(at_ms)}.{at_ms % 1000 // 100}"


def whole_seconds_text(at_ms: float) -> str:
    """Return ``m:ss`` or ``h:mm:ss``."""
    minutes, seconds = divmod(int(at_ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

"""The pace of partials: an interval that stretches while they wait for long."""

GROWTH = 1.5
EASE = 0.8
MAX_STRETCH = 8.0


class PartialPace:
    """The interval between two partials of a segment; it stretches by itself under overload.

    A partial that waits longer than half the interval of the setting is late. Once in each
    interval the mean wait decides: late partials make the interval longer by half, at most eight
    times the setting's; partials that wait less than half of what is late make it a fifth shorter,
    down to the setting's.

    Args:
        setting_ms: New audio between two partials of a segment while there is no overload.
    """

    def __init__(self, setting_ms: int) -> None:
        self.setting_ms = setting_ms
        self._late_ms = setting_ms / 2
        self._stretch = 1.0
        self._decided_at_ms: float | None = None
        self._waited_ms = 0.0
        self._waits = 0

    @property
    def interval_ms(self) -> float:
        """Return the interval in effect."""
        return self.setting_ms * self._stretch

    @property
    def is_stretched(self) -> bool:
        """Return whether the interval is longer than the setting's."""
        return self._stretch > 1.0

    def note_wait(self, wait_ms: float, at_ms: float) -> None:
        """Take in how long a partial had waited when its turn came.

        Args:
            wait_ms: Since it was asked for, or the one it replaced.
            at_ms: Now, on a clock that never runs backwards.
        """
        self._waited_ms += wait_ms
        self._waits += 1
        if self._decided_at_ms is None:
            self._decided_at_ms = at_ms
        if at_ms - self._decided_at_ms >= self.interval_ms:
            self._decide(at_ms)

    def note_rest(self, at_ms: float) -> None:
        """Take in that nothing has waited at all for a whole interval."""
        self._waited_ms, self._waits = 0.0, 1
        self._decide(at_ms)

    def _decide(self, at_ms: float) -> None:
        mean_ms = self._waited_ms / self._waits
        if mean_ms > self._late_ms:
            self._stretch = min(self._stretch * GROWTH, MAX_STRETCH)
        elif mean_ms < self._late_ms / 2:
            self._stretch = max(self._stretch * EASE, 1.0)
        self._decided_at_ms = at_ms
        self._waited_ms, self._waits = 0.0, 0

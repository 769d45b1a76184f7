"""When audio is due, by absolute deadlines, so that nothing drifts."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """The time of a machine."""

    def monotonic_ns(self) -> int:
        """Return a time that never jumps."""
        ...

    def wall_ns(self) -> int:
        """Return the Unix time."""
        ...

    async def sleep_ns(self, duration_ns: int) -> None:
        """Let others run for at least ``duration_ns``."""
        ...


class SystemClock:
    """The clock of this machine."""

    def monotonic_ns(self) -> int:
        """Return a time that never jumps."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Return the Unix time."""
        return time.time_ns()

    async def sleep_ns(self, duration_ns: int) -> None:
        """Let others run for at least ``duration_ns``."""
        await asyncio.sleep(duration_ns / 1e9)


class Pacer:
    """Keeps one call at ``speed`` times real time; its clock starts with its first wait.

    Args:
        clock: What it waits by.
        speed: Times real time; None for as fast as possible.
        recorded_at_ns: Wall clock (Unix, ns) of the first audio, where it is known; 0 for the
            time of the replay.
    """

    def __init__(self, clock: Clock, speed: float | None, recorded_at_ns: int = 0) -> None:
        self._clock = clock
        self._speed = speed
        self._recorded_at_ns = recorded_at_ns
        self._origin_ns: int | None = None
        self._wall_origin_ns = 0

    async def wait_for(self, audio_ns: int) -> int:
        """Return when the audio up to ``audio_ns`` was captured, once it is due.

        Returns:
            The wall clock (Unix, ns): of the recording, where it is known; else of the deadline,
            whether or not it was met; at full speed the present one.
        """
        captured_at_ns = await self._wait_for(audio_ns)
        return self._recorded_at_ns + audio_ns if self._recorded_at_ns else captured_at_ns

    async def _wait_for(self, audio_ns: int) -> int:
        if self._origin_ns is None:
            self._origin_ns = self._clock.monotonic_ns()
            self._wall_origin_ns = self._clock.wall_ns()
        if self._speed is None:
            await self._clock.sleep_ns(0)
            return self._clock.wall_ns()
        due_ns = int(audio_ns / self._speed)
        remaining_ns = self._origin_ns + due_ns - self._clock.monotonic_ns()
        await self._clock.sleep_ns(max(0, remaining_ns))
        return self._wall_origin_ns + due_ns

"""The levels of a call's channels."""

from collections.abc import Iterable

from models.audio.samples import FloatArray
from stream_app.calls.transcribe.input.sequence_point import SequencePoint
from stream_app.calls.transcribe.levels.channel_levels import ChannelLevels, LevelPoint


class CallLevels:
    """Measures the channels of a call, every one that it ever had.

    Args:
        points: Where to begin.
    """

    def __init__(self, points: Iterable[LevelPoint] = ()) -> None:
        self._channels = [ChannelLevels(point) for point in points]
        self._open = 0

    @property
    def done(self) -> int:
        """Return the position up to which all open channels were measured."""
        return min([each.point.done for each in self._channels[: self._open]], default=0)

    @property
    def points(self) -> tuple[LevelPoint, ...]:
        """Return the levels of each channel as far as they were measured."""
        return tuple(each.point for each in self._channels)

    def open(self, channels: int, rate_hz: int) -> None:
        """Begin, or go on, with audio of the first ``channels``."""
        new = channels - len(self._channels)
        self._channels += [ChannelLevels(LevelPoint()) for _ in range(new)]
        self._open = channels
        for channel in self._channels[:channels]:
            channel.begin(rate_hz)

    def add(self, channel: int, start: int, samples: FloatArray) -> None:
        """Take in audio of a channel that begins at a position."""
        self._channels[channel].add(start, samples)

    def stop(self) -> None:
        """Measure what is left: the audio stops here."""
        for channel in self._channels[: self._open]:
            channel.stop()
        self._open = 0

    def points_at(self, order: SequencePoint) -> tuple[LevelPoint, ...]:
        """Return the levels of each channel for a worker that hears the audio from there on."""
        tracks = order.tracks
        return tuple(
            each.point_at(tracks[n].clock if n < len(tracks) else order.clock)
            for n, each in enumerate(self._channels)
        )

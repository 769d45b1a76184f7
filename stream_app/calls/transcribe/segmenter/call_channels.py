"""The channels of a call: opened with its audio, closed and discarded where it stops."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd, warm_up_samples
from stream_app.calls.transcribe.crosstalk.crosstalk import Crosstalk
from stream_app.calls.transcribe.input.chunk_audio import channel_audio
from stream_app.calls.transcribe.input.ordered_chunks import SequencedChunk
from stream_app.calls.transcribe.input.sequence_point import to_ms, to_position
from stream_app.calls.transcribe.levels.call_levels import CallLevels
from stream_app.calls.transcribe.segmenter.capture_times import CaptureTimes
from stream_app.calls.transcribe.segmenter.channel import Channel
from stream_app.calls.transcribe.segmenter.segments import (
    Cut,
    SegmentConfig,
    SegmenterEvent,
    SegmenterPoint,
)


class CallChannels:
    """The open channels of a call.

    Nothing is allocated before there is audio, nor kept once it stops: a call that is silent for
    hours costs no more than its checkpoint.

    Args:
        front_end: Makes the front end of a channel from the source's sample rate.
        config: How channels are cut.
        levels: Of their audio.
        crosstalk: Takes out what a channel has of another one.

    Attributes:
        levels: Of their audio.
        crosstalk: As given.
        captures: When their audio was captured.
    """

    def __init__(
        self,
        front_end: Callable[[int], ChannelFrontEnd],
        config: SegmentConfig,
        levels: CallLevels,
        crosstalk: Crosstalk,
    ) -> None:
        self.crosstalk = crosstalk
        self._front_end = front_end
        self._config = config
        self._open: list[Channel] = []
        self.levels = levels
        self._rate_hz = 0
        self.captures = CaptureTimes()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def __iter__(self) -> Iterator[Channel]:
        """Return an iterator over the open ones."""
        return iter(self._open)

    def __getitem__(self, number: int) -> Channel:
        """Return an open channel."""
        return self._open[number]

    @property
    def heard_ms(self) -> int:
        """Return the audio clock up to which all were heard."""
        return min([channel.segmenter.heard_ms for channel in self._open])

    def open_start_ms(self, number: int) -> int | None:
        """Return where the open segment of a channel begins, None without one."""
        if number >= len(self._open):
            return None
        return self._open[number].segmenter.open_start_ms

    def open(self, points: Sequence[SegmenterPoint], rate_hz: int) -> None:
        """Begin, or go on, with one channel for each point."""
        self._rate_hz = rate_hz
        self.captures.begin(rate_hz)
        self.levels.open(len(points), rate_hz)
        needed_ms = min(point.needed_from_ms for point in points)
        start = max(to_position(needed_ms, rate_hz) - warm_up_samples(rate_hz), 0)
        self.crosstalk.open(rate_hz, len(points), start)
        self._open = [
            Channel(
                self._front_end(rate_hz),
                rate_hz,
                self._config,
                point,
                partial(self.crosstalk.is_copied, number),
            )
            for number, point in enumerate(points)
        ]

    def insert(self, sequenced: SequencedChunk) -> Iterator[tuple[int, list[SegmenterEvent]]]:
        """Yield each channel's number with what a chunk leads to there."""
        self.captures.add(sequenced)
        start = sequenced.start - sequenced.silence
        numbers = [number for number, _ in self._numbered(sequenced.channel)]
        audio = [channel_audio(sequenced, number) for number in numbers]
        for number, samples in zip(numbers, audio, strict=True):
            self.levels.add(number, start, samples)
        if sequenced.channel is None:
            passed = self.crosstalk.insert(start, audio)
        else:
            yield from self._hear(enumerate(self.crosstalk.stop()))
            passed = [(start, samples) for samples in audio]
        yield from self._hear(zip(numbers, passed, strict=True))

    def _hear(
        self, passed: Iterable[tuple[int, tuple[int, FloatArray]]]
    ) -> Iterator[tuple[int, list[SegmenterEvent]]]:
        for number, (start, samples) in passed:
            if len(samples):
                yield number, self._open[number].insert(start, samples)

    def close(
        self, cut: Cut, end: int, resume: int | None = None, *, channel: int | None = None
    ) -> Iterator[tuple[int, list[SegmenterEvent]]]:
        """Yield each channel's number with what the end of its audio leads to.

        Args:
            cut: Why it ends.
            end: Position after the last sample.
            resume: Where audio goes on, behind a jump. A channel that was restored behind it
                yields nothing: it was closed at the jump before.
            channel: The only one whose audio ends; all of them by default.
        """
        yield from self._hear(enumerate(self.crosstalk.flush()))
        for number, each in self._numbered(channel):
            origin_ms = each.segmenter.origin_ms
            if resume is None or origin_ms < to_ms(resume, self._rate_hz):
                yield number, each.close(cut, end, resume=resume)
        if channel is None:
            self.crosstalk.move_to(end if resume is None else resume)

    def _numbered(self, channel: int | None) -> Iterator[tuple[int, Channel]]:
        if channel is None:
            return enumerate(self._open)
        return iter(((channel, self._open[channel]),))

    def discard(self) -> None:
        """Forget closed channels with their audio."""
        self._open = []
        self.levels.stop()
        self.captures.begin(self._rate_hz)

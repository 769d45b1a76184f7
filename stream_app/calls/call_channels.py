"""The channels of a call: opened with its audio, closed and let go of where it stops."""

from collections import deque
from collections.abc import Iterable, Iterator

from models.vad.front_end import warm_up_samples
from stream_app.calls.channel import Channel
from stream_app.calls.channel_partials import ChannelPartials
from stream_app.calls.lane import ChannelMerge
from stream_app.calls.segmenter import Cut, SegmenterEvent, SegmenterPoint
from stream_app.calls.sequencer import to_ms, to_position
from stream_app.calls.transcriber_state import ChannelResume, TranscriberConfig


class OpenChannel:
    """A channel's pipeline with what the messages about it need."""

    def __init__(self, channel: Channel, resume: ChannelResume) -> None:
        self.pipeline = channel
        self.resume = resume
        self.lane_seq = resume.lane_seq
        self._early: deque[SegmenterEvent] = deque()

    @property
    def heard_ms(self) -> int:
        """Return the audio clock up to which it was heard."""
        return self.pipeline.segmenter.heard_ms

    def due(self, events: Iterable[SegmenterEvent]) -> Iterator[SegmenterEvent]:
        """Yield the events that lie within what was heard, in their order; the others wait.

        After a cut behind the end of the audio a stretch is heard again. What it leads to belongs
        to the end of that stretch, also for a fresh worker, which hears it chunk by chunk: so
        both find the same facts of the call in force.
        """
        self._early.extend(events)
        while self._early and self._early[0].at_ms <= self.heard_ms:
            yield self._early.popleft()

    def close(self, cut: Cut, end: int, resume: int | None) -> Iterator[SegmenterEvent]:
        """Yield what still waits, and what the end of the audio leads to."""
        yield from self._early
        self._early.clear()
        yield from self.pipeline.close(cut, end, resume=resume)

    def next_lane_seq(self) -> int:
        """Return the number of the next deterministic message."""
        self.lane_seq += 1
        return self.lane_seq - 1


class CallChannels:
    """The channels of a call.

    Nothing is allocated before there is audio, nor kept once it stops: a call that is silent for
    hours costs no more than its checkpoint.

    Args:
        config: Shared by all calls.
        resumes: From where each channel goes on, of every one that the call ever had.

    Attributes:
        merge: Of what they lead to.
    """

    def __init__(self, config: TranscriberConfig, resumes: tuple[ChannelResume, ...]) -> None:
        self._config = config
        self._resumes = resumes
        self._open: list[OpenChannel] = []
        self._partials: dict[int, ChannelPartials] = {}
        self._rate_hz = 0
        self.merge = ChannelMerge(0)

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def __iter__(self) -> Iterator[OpenChannel]:
        """Return an iterator over the open ones."""
        return iter(self._open)

    def __getitem__(self, number: int) -> OpenChannel:
        """Return an open channel."""
        return self._open[number]

    @property
    def resumes(self) -> tuple[ChannelResume, ...]:
        """Return from where each channel goes on, of every one that the call ever had."""
        present = tuple(channel.resume for channel in self._open)
        return present + self._resumes[len(present) :]

    @property
    def heard_ms(self) -> int:
        """Return the audio clock up to which all were heard."""
        return min(channel.heard_ms for channel in self._open)

    @property
    def horizon(self) -> int:
        """Return the first sample that a fresh worker would need."""
        origins_ms = [channel.resume.point.origin_ms for channel in self._open]
        if not origins_ms:
            return 0
        position = to_position(min(origins_ms), self._rate_hz)
        return max(position - warm_up_samples(self._rate_hz), 0)

    def partials(self, number: int) -> ChannelPartials:
        """Return the partials of a channel, open or not: results come late."""
        partials = self._partials.get(number)
        if partials is None:
            config = self._config
            partials = self._partials[number] = ChannelPartials(
                config.policy, config.partial_interval_ms, is_deterministic=config.is_deterministic
            )
        return partials

    def open_start_ms(self, number: int) -> int | None:
        """Return where the open segment of a channel begins, None without one."""
        if number >= len(self._open):
            return None
        return self._open[number].pipeline.segmenter.open_start_ms

    def open(self, count: int, rate_hz: int) -> None:
        """Begin, or go on, with so many channels."""
        self._rate_hz = rate_hz
        self._resumes += (ChannelResume(),) * (count - len(self._resumes))
        self.merge = ChannelMerge(count)
        for resume in self._resumes[:count]:
            front_end = self._config.front_end(rate_hz)
            channel = Channel(front_end, rate_hz, self._config.segments, resume.point)
            self._open.append(OpenChannel(channel, resume))

    def close(
        self, cut: Cut, end: int, resume: int | None = None
    ) -> Iterator[tuple[int, Iterator[SegmenterEvent]]]:
        """Yield each channel's number with what the end of its audio leads to.

        Args:
            cut: Why it ends.
            end: Position after the last sample.
            resume: Where audio goes on, behind a jump. A channel that was restored behind it is
                left alone: it was closed at the jump once.
        """
        for number, channel in enumerate(self._open):
            origin_ms = channel.pipeline.segmenter.origin_ms
            if resume is None or origin_ms < to_ms(resume, self._rate_hz):
                yield number, channel.close(cut, end, resume)

    def let_go(self) -> None:
        """Forget the audio of closed channels; they go on from where they were closed."""
        self._resumes = self.resumes
        self._open.clear()

    def move_to(self, clock_ms: int, count: int) -> bool:
        """Return whether there were channels before; all go on at ``clock_ms``, ``count`` at least.

        Args:
            clock_ms: Audio clock at which another layout begins.
            count: Of its channels.
        """
        if not self._resumes:
            return False
        said_ms = max(clock_ms, *(resume.point.active_from_ms for resume in self._resumes))
        point = SegmenterPoint(
            origin_ms=clock_ms, active_from_ms=said_ms, since_ms=said_ms, is_fresh=True
        )
        lane_seqs = [resume.lane_seq for resume in self._resumes]
        lane_seqs += [0] * (count - len(lane_seqs))
        self._resumes = tuple(ChannelResume(point=point, lane_seq=seq) for seq in lane_seqs)
        return True

"""The order of a call's audio, whether its channels come together or each in a message of its own.

While every message has the audio of every channel, or a channel without audio is silent, one
`ChunkSequencer` puts the messages in order. Once a message has the audio of some channels only, and
the call has not shown that it sends them together, each channel has a `ChunkSequencer` of its own:
what its channels bring for one interval then lies on one interval, in whichever order, of whichever
length and with whichever numbers the messages come. A channel without audio is silent from where
400 ms of later audio of another one stand, as a missing chunk is given up then.
"""

from collections.abc import Iterable, Sequence

import msgspec

from schemas.audio import AudioChunk
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Refuse
from stream_app.calls.transcribe.input.chunk_audio import is_short
from stream_app.calls.transcribe.input.held_chunks import ArrivedChunk, HeldInput, chunk_digest
from stream_app.calls.transcribe.input.ordered_chunks import OrderedChunks, SequencedChunk
from stream_app.calls.transcribe.input.sequence_point import SequencePoint, to_ms, to_position
from stream_app.calls.transcribe.input.sequencer import (
    DRIFT_MS,
    REORDER_MS,
    ChunkSequencer,
    HeldMs,
    remember,
)

JOINT_PROOF_MS = 2_000  # of audio with every channel prove that an empty payload is silence
NUMBERS_AHEAD = 64  # a number this far ahead is one of the call's numbering, behind a loss

Arrivals = list[tuple[ChunkSequencer, ArrivedChunk]]


class CallOrder:
    """Puts the audio of a call in order.

    Args:
        rate_hz: Sample rate of the call.
        channels: How many it has.
        point: Where to begin.
        seen: Digests of the chunks before.
        counters: What is set aside is counted there.

    Attributes:
        seen: Digests of the last chunks that were taken in.
    """

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        point: SequencePoint | None = None,
        *,
        seen: Iterable[int] = (),
        counters: CallCounters | None = None,
    ) -> None:
        self._rate_hz = rate_hz
        self._channels = channels
        self._counters = counters or CallCounters()
        self._drift = to_position(DRIFT_MS, rate_hz)
        self._reorder = to_position(REORDER_MS, rate_hz)
        self._proof = to_position(JOINT_PROOF_MS, rate_hz)
        self._whole = ChunkSequencer(rate_hz, point, seen=seen, counters=self._counters)
        self.seen = self._whole.seen
        self._tracks = [self._track(n, each) for n, each in enumerate(self.point.tracks)]

    def ask_holds(self, held_ms: HeldMs) -> None:
        """Count no gap where the call was on hold; see `ChunkSequencer.held_ms`."""
        for order in (self._whole, *self._tracks):
            order.held_ms = held_ms

    @property
    def point(self) -> SequencePoint:
        """Return the state behind the last audio that was returned."""
        return self._whole.point

    @property
    def held(self) -> tuple[HeldInput, ...]:
        """Return what waits for its turn."""
        if not self._tracks:
            return self._whole.held
        return tuple(held for track in self._tracks for held in track.held)

    def following(self, chunk: AudioChunk, samples: int) -> tuple[int, ...]:
        """Return the channels for which the turn of a chunk comes at once, without a gap."""
        channels = _channels_of(chunk)
        if not self._tracks:
            return channels if self._whole.follows_on(chunk, samples) else ()
        return tuple(n for n in channels if self._tracks[n].follows_on(chunk, samples))

    def is_second_short(self, chunk: AudioChunk, samples: int) -> bool:
        """Return whether a short chunk follows on one of another time, and is no duplicate."""
        if self.point.short_ms in {-1, chunk.start_ms}:
            return False
        orders = self._tracks or [self._whole]
        digest = chunk_digest(chunk)
        return not any(
            order.is_duplicate(order.arrived(chunk, -1, samples=samples, digest=digest))
            for order in orders
        )

    def insert(self, chunk: AudioChunk, offset: int, *, samples: int) -> OrderedChunks:
        """Return the audio that can go on now, of this chunk and those that waited for it.

        Args:
            chunk: As it came.
            offset: In the partition.
            samples: Its duration.
        """
        ahead = self.point.ahead
        if not self._tracks and self._comes_apart(chunk, samples):
            self._part()
        if self._tracks:
            ordered = self._insert_apart(chunk, offset, samples)
        else:
            ordered = self._whole.insert(chunk, offset, samples=samples)
            self._note(chunk if ordered.is_taken else None, samples, ordered.released)
        self._count_ahead(ahead)
        return ordered

    def put_back(self, chunk: AudioChunk, held: HeldInput, *, samples: int) -> None:
        """Let a chunk wait that waited when ``point`` was written."""
        order = self._tracks[held.channel] if held.channel >= 0 else self._whole
        order.put_back(chunk, held, samples=samples)

    def flush(self) -> OrderedChunks:
        """Return what waits, in order: nothing that it waits for will come."""
        ordered, ahead = OrderedChunks(), self.point.ahead
        if self._tracks:
            self._flush_apart(ordered)
        else:
            self._whole.flush(ordered)
            self._note(None, 0, ordered.released)
        self._count_ahead(ahead)
        return ordered

    def _count_ahead(self, before: int) -> None:
        """Count by how much the clock ran further ahead of the times of the chunks."""
        ahead = self.point.ahead
        if ahead > before:
            gained_ms = to_ms(ahead, self._rate_hz) - to_ms(before, self._rate_hz)
            self._counters.clock_ahead_ms += gained_ms

    # Channels that come together

    def _note(
        self, chunk: AudioChunk | None, samples: int, released: Sequence[SequencedChunk]
    ) -> None:
        """Note which channels a chunk had, and where the audio of each ends now."""
        point, joint = self.point, self.point.joint
        if joint < self._proof and chunk is not None and all(chunk.payloads):
            joint = min(joint + samples, self._proof)
        longest, ends = max(point.longest, samples), point.ends
        for sequenced in released:
            ends = _ends_after(sequenced, ends)
        if (joint, longest, ends) != (point.joint, point.longest, point.ends):
            self._whole.point = msgspec.structs.replace(
                point, joint=joint, longest=longest, ends=ends
            )

    def _comes_apart(self, chunk: AudioChunk, samples: int) -> bool:
        """Return whether the channels that a chunk lacks may come in messages of their own."""
        if all(chunk.payloads):
            return False
        point = self.point
        if point.is_apart or point.joint < self._proof:
            return True
        start = to_position(chunk.start_ms, self._rate_hz) + point.clock - point.claimed_end
        slack = min(self._drift, samples // 2)
        return bool(point.ends) and all(
            point.ends[n] - slack <= start <= point.clock - samples + slack
            for n in _channels_of(chunk)
        )

    def _part(self) -> None:
        """Give each channel an order of its own."""
        base = msgspec.structs.replace(self.point, ends=())
        other = msgspec.structs.replace(base, gaps=0, gap_ms=0)
        self._tracks = [self._track(n, other if n else base) for n in range(self._channels)]
        for arrived in self._whole.remove_all():
            for channel in _channels_of(arrived.chunk):
                self._tracks[channel].add(arrived)

    def _track(self, channel: int, point: SequencePoint) -> ChunkSequencer:
        track = ChunkSequencer(self._rate_hz, point, counters=self._counters, channel=channel)
        track.seen = self.seen
        track.held_ms = self._whole.held_ms
        return track

    # Channels that come apart

    def _insert_apart(self, chunk: AudioChunk, offset: int, samples: int) -> OrderedChunks:
        digest = chunk_digest(chunk)
        arrivals: Arrivals = []
        for channel in _channels_of(chunk):
            track = self._tracks[channel]
            arrivals.append((track, track.arrived(chunk, offset, samples=samples, digest=digest)))
        if any(track.is_duplicate(arrived) for track, arrived in arrivals):
            self._counters.duplicates += 1
            return OrderedChunks(is_taken=False)
        self._expect(arrivals)
        fitting = [each for each in arrivals if not each[0].is_late(each[1])]
        if not fitting:
            track, arrived = arrivals[0]
            return OrderedChunks(refused=[track.refusal(arrived)], is_taken=False)
        self._counters.late_chunks += len(arrivals) - len(fitting)
        remember(self.seen, digest)
        is_apart = self._is_filled_in(arrivals)
        for track, arrived in fitting:
            track.add(arrived)
        ordered = OrderedChunks(digest=digest)
        point = self.point
        self._whole.point = msgspec.structs.replace(
            point,
            next_seq=self._next_number(chunk.seq),
            alt_seq=-1 if chunk.seq in {point.next_seq, point.alt_seq} else chunk.seq + 1,
            last_seq=chunk.seq,
            short_ms=chunk.start_ms if is_short(samples, self._rate_hz) else -1,
            longest=max(point.longest, samples),
            joint=min(point.joint + samples * all(chunk.payloads), self._proof),
            is_apart=point.is_apart or is_apart,
        )
        self._settle(ordered)
        self._update()
        ordered.refused = _without_repetitions(ordered.refused)
        return ordered

    def _flush_apart(self, ordered: OrderedChunks) -> None:
        for track in self._tracks:
            self._tell_covered()
            track.flush(ordered)
        end = self._front()
        for track in self._tracks:
            track.advance_to(end, ordered)
        self._update()
        ordered.refused = _without_repetitions(ordered.refused)

    def _expect(self, arrivals: Arrivals) -> None:
        """Let a track expect a chunk that is the next of the call, or the first of the track."""
        for track, arrived in arrivals:
            is_next = arrived.seq in {self.point.next_seq, self.point.alt_seq}
            if is_next or not track.point.heard:
                track.expect(arrived)

    def _next_number(self, seq: int) -> int:
        """Return the number that is expected behind ``seq`` if all channels share their numbers."""
        point = self.point
        is_one = seq == point.alt_seq or 0 <= seq - point.next_seq <= NUMBERS_AHEAD
        return seq + 1 if is_one or not point.heard else point.next_seq

    def _is_filled_in(self, arrivals: Arrivals) -> bool:
        """Return whether other channels already have audio where a chunk of some brings it."""
        if len(arrivals) == self._channels:
            return False
        front = self._front()
        return any(
            track.point.clock - self._drift
            <= arrived.start
            < front - min(self._drift, arrived.samples // 2)
            for track, arrived in arrivals
        )

    def _front(self) -> int:
        return max([track.point.clock for track in self._tracks])

    def _tell_covered(self) -> None:
        clocks = [track.point.clock for track in self._tracks]
        for n, track in enumerate(self._tracks):
            track.covered = max([0, *clocks[:n], *clocks[n + 1 :]])

    def _settle(self, ordered: OrderedChunks) -> None:
        is_settled = False
        while not is_settled:
            for track in self._tracks:
                self._tell_covered()
                track.settle(ordered)
            front, is_settled = self._front(), True
            for track in self._tracks:
                patience = self.point.longest + self._reorder * (2 if track.held else 1)
                if front - track.point.clock > patience:
                    track.advance_to(front - patience, ordered)
                    is_settled = False

    def _update(self) -> None:
        """Bring the state of the call up to that of its channels; join them if they come so."""
        points = [track.point for track in self._tracks]
        self._whole.point = point = msgspec.structs.replace(
            self.point,
            clock=max([each.clock for each in points]),
            claimed_end=max([each.claimed_end for each in points]),
            heard=max([each.heard for each in points]),
            gaps=sum([each.gaps for each in points]),
            gap_ms=sum([each.gap_ms for each in points]),
            ahead=max([each.ahead for each in points]),
            tracks=tuple(points),
        )
        if point.is_apart or point.joint < self._proof or self.held:
            return
        if len({(each.clock, each.claimed_end) for each in points}) == 1:
            self._whole.point = msgspec.structs.replace(point, tracks=())
            self._tracks = []


def _channels_of(chunk: AudioChunk) -> tuple[int, ...]:
    """Return the channels of which a chunk has audio."""
    return tuple(n for n, payload in enumerate(chunk.payloads) if payload)


def _ends_after(sequenced: SequencedChunk, ends: tuple[int, ...]) -> tuple[int, ...]:
    """Return where the audio of each channel ends behind a chunk; empty where all end with it."""
    if sequenced.chunk is None or all(sequenced.chunk.payloads):
        return ()
    payloads = sequenced.chunk.payloads
    before = ends or (sequenced.audio_end,) * len(payloads)
    return tuple(
        sequenced.end if payload else end for payload, end in zip(payloads, before, strict=True)
    )


def _without_repetitions(refused: list[Refuse]) -> list[Refuse]:
    """Return one refusal for each chunk: several channels may refuse one."""
    return list({each.offset: each for each in refused}.values())

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.audio import AudioChunk
from stream_app.calls.counters import CallCounters
from stream_app.calls.transcribe.input.held_chunks import MAX_HELD_CHUNKS
from stream_app.calls.transcribe.input.ordered_chunks import OrderedChunks, SequencedChunk
from stream_app.calls.transcribe.input.sequence_point import SequencePoint
from stream_app.calls.transcribe.input.sequencer import (
    MAX_HELD_MS,
    ChunkSequencer,
)

RATE_HZ = 8_000
CHUNK_MS = 100
CHUNK_SAMPLES = RATE_HZ * CHUNK_MS // 1000
HOUR_MS = 3_600_000


def chunk(seq: int, start_ms: int | None = None) -> AudioChunk:
    return AudioChunk(
        event_id=f"c/{seq}",
        call_id="c",
        captured_at_ns=seq,
        seq=seq,
        start_ms=seq * CHUNK_MS if start_ms is None else start_ms,
        encoding="mulaw",
        sample_rate_hz=RATE_HZ,
        payloads=(bytes(CHUNK_SAMPLES),),
    )


class Bench:
    """A sequencer with what it released and refused so far."""

    def __init__(self, point: SequencePoint | None = None, *, chunk_ms: int = CHUNK_MS) -> None:
        self.counters = CallCounters()
        self.sequencer = ChunkSequencer(RATE_HZ, point, counters=self.counters)
        self.released: list[SequencedChunk] = []
        self.refused: list[str] = []
        self.samples = RATE_HZ * chunk_ms // 1000
        self.fed = 0

    def insert(self, *chunks: AudioChunk) -> "Bench":
        """Insert chunks."""
        for message in chunks:
            self._note(self.sequencer.insert(message, self.fed, samples=self.samples))
            self.fed += 1
        return self

    def flush(self) -> "Bench":
        """Release what waits."""
        self._note(self.sequencer.flush(OrderedChunks()))
        return self

    def _note(self, ordered: OrderedChunks) -> None:
        self.released += ordered.released
        self.refused += [refusal.reason for refusal in ordered.refused]

    @property
    def seqs(self) -> list[int]:
        """Return the numbers of the released chunks."""
        return [sequenced.chunk.seq for sequenced in self.released if sequenced.chunk]

    @property
    def starts_ms(self) -> list[int]:
        """Return where the released chunks were laid."""
        return [sequenced.start * 1000 // RATE_HZ for sequenced in self.released]

    @property
    def point(self) -> SequencePoint:
        """Return the state of the order."""
        return self.sequencer.point


def in_order(count: int, *, first: int = 0) -> list[AudioChunk]:
    return [chunk(n) for n in range(first, first + count)]


def contiguous(count: int) -> list[int]:
    return [n * CHUNK_MS for n in range(count)]


def test_chunks_in_order_pass_at_once() -> None:
    (released,) = Bench().insert(chunk(0)).released

    assert (released.offset, released.start, released.end) == (0, 0, CHUNK_SAMPLES)


def test_a_chunk_that_overtook_two_others_waits_for_them() -> None:
    assert Bench().insert(*map(chunk, (2, 0, 1))).seqs == [0, 1, 2]


@pytest.mark.parametrize(("chunk_ms", "later"), [(20, 20), (100, 4), (200, 2), (500, 2)])
def test_a_missing_chunk_is_given_up_once_400_ms_of_later_audio_are_there(
    chunk_ms: int, later: int
) -> None:
    bench = Bench(chunk_ms=chunk_ms)
    chunks = [chunk(n, n * chunk_ms) for n in (0, *range(2, 3 + later))]

    bench.insert(*chunks[:later])
    assert bench.seqs == [0]
    bench.insert(*chunks[later:])

    assert bench.seqs == [c.seq for c in chunks]
    assert (bench.point.gaps, bench.point.gap_ms) == (1, chunk_ms)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_swapped_blocks_of_20_ms_are_put_in_order(size: int) -> None:
    bench = Bench(chunk_ms=20)
    order = [
        n
        for at in range(0, 60, 2 * size)
        for n in (*range(at + size, at + 2 * size), *range(at, at + size))
    ]

    bench.insert(*(chunk(n, n * 20) for n in order))

    assert bench.seqs == sorted(order)
    assert bench.point.gaps == 0


def test_duplicates_are_dropped_and_counted() -> None:
    bench = Bench().insert(*map(chunk, (0, 1, 1, 2, 4, 4, 0)))

    assert bench.seqs == [0, 1, 2]
    assert bench.counters.duplicates == 3
    assert not bench.refused


def test_a_late_chunk_is_refused_and_counted() -> None:
    bench = Bench().insert(*map(chunk, (0, 2, 3, 4, 5, 1)))

    assert bench.seqs == [0, 2, 3, 4, 5]
    assert bench.refused == ["chunk 1 at 100 ms is late: the audio clock is already at 600 ms"]
    assert bench.counters.late_chunks == 1


NUMBERS = {
    "one corrupt": [0, 1, 10**9, 3, 4, 5],
    "three corrupt in a row": [0, 1, 10**9 + 2, 10**9 + 3, 10**9 + 4, 5, 6],
    "two of a kind": [0, 1, 1, 3, 4, 5],
    "a wrap": [65_533, 65_534, 65_535, 0, 1, 2, 3],
    "from 0 again": [7, 8, 9, 0, 1, 2],
    "every one arbitrary": [5, 900, 3, 77, 77, 2, 10**9],
    "in steps of 160": [0, 160, 320, 480, 640],
}


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS.keys())
def test_chunks_that_follow_on_by_their_times_pass_at_once_with_any_numbers(
    numbers: Sequence[int],
) -> None:
    bench = Bench()
    for n, seq in enumerate(numbers):
        bench.insert(chunk(seq, n * CHUNK_MS))
        assert bench.seqs == list(numbers[: n + 1])

    assert bench.starts_ms == contiguous(len(numbers))
    assert bench.point.gaps == 0


def test_a_new_numbering_is_counted_once() -> None:
    bench = Bench().insert(*in_order(10), *(chunk(n, (10 + n) * CHUNK_MS) for n in range(10)))

    assert bench.counters.renumbered == 1
    assert bench.point.next_seq == 10


def test_a_new_numbering_has_gaps_and_order_like_the_old_one() -> None:
    """From 0 again after 2 s of silence, the second chunk overtaking the first."""
    later = [chunk(n, 3_000 + n * CHUNK_MS) for n in (1, 0, 2, 3, 4)]

    bench = Bench().insert(*in_order(10), *later)

    assert bench.seqs == [*range(10), 0, 1, 2, 3, 4]
    assert (bench.point.gaps, bench.point.gap_ms) == (1, 2_000)
    assert (bench.counters.gaps, bench.counters.gap_ms) == (1, 2_000)


@pytest.mark.parametrize("start_ms", [HOUR_MS, 4_500, 900, 0])
def test_one_corrupt_time_moves_nothing(start_ms: int) -> None:
    bench = Bench().insert(*in_order(3), chunk(3, start_ms), *in_order(4, first=4))

    assert bench.seqs == list(range(8))
    assert bench.starts_ms == contiguous(8)
    assert bench.point.gaps == 0


def test_a_corrupt_time_far_off_is_counted() -> None:
    for start_ms in (HOUR_MS, 0):
        bench = Bench().insert(*in_order(9), chunk(9, start_ms), *in_order(2, first=10))
        assert bench.counters.time_mismatches == 1


def test_a_corrupt_time_with_a_corrupt_number_is_refused_after_a_second() -> None:
    bench = Bench().insert(*in_order(3), chunk(70, HOUR_MS), *in_order(20, first=4))

    assert bench.seqs == [0, 1, 2, *range(4, 24)]
    assert bench.refused == [
        "chunk 70 at 3600000 ms: no audio around it confirms a jump from 1400 ms"
    ]
    assert bench.counters.unconfirmed_jumps == 1


def test_a_start_ahead_of_the_clock_is_a_gap_once_the_next_chunk_confirms_it() -> None:
    bench = Bench().insert(chunk(0), chunk(1, start_ms=2_100))
    assert bench.seqs == [0]

    bench.insert(chunk(2, start_ms=2_200))

    assert bench.starts_ms == [0, 2_100, 2_200]
    assert bench.point.gap_ms == 2_000
    assert not bench.released[1].is_after_jump


def test_a_jump_is_believed_after_a_second_of_audio_that_hangs_together() -> None:
    bench = Bench().insert(chunk(0), *(chunk(n, 5_101 + n * CHUNK_MS) for n in range(1, 10)))
    assert bench.seqs == [0]

    bench.insert(chunk(10, 5_101 + 10 * CHUNK_MS))

    assert bench.seqs == list(range(11))
    assert bench.released[1].is_after_jump
    assert bench.point.gap_ms == 5_101


def test_a_jump_that_numbers_and_times_agree_on_is_believed_like_a_gap() -> None:
    bench = Bench().insert(chunk(0), *in_order(4, first=100))

    assert bench.seqs == [0, 100, 101, 102, 103]
    assert bench.released[1].is_after_jump


def test_at_the_end_a_lone_jump_is_no_hour() -> None:
    expected = Bench().insert(chunk(0), chunk(1, HOUR_MS)).flush()
    other = Bench().insert(chunk(0), chunk(7, HOUR_MS)).flush()

    assert expected.starts_ms == [0, CHUNK_MS]
    assert expected.counters.time_mismatches == 1
    assert other.seqs == [0]
    assert other.counters.unconfirmed_jumps == len(other.refused) == 1


def test_at_the_end_what_waits_gets_its_place() -> None:
    bench = Bench().insert(*map(chunk, (0, 5, 3))).flush()

    assert bench.starts_ms == [0, 300, 500]
    assert bench.point.gap_ms == 300


def test_a_clock_that_wavers_makes_no_gap() -> None:
    bench = Bench().insert(chunk(0), chunk(1, 120), chunk(2, 190), chunk(3, 305))

    assert bench.starts_ms == contiguous(4)


def test_a_source_whose_clock_runs_slow_is_followed_by_its_own_time() -> None:
    """After a while it is seconds behind; a gap and a swap are seen all the same."""
    slow = [chunk(n, n * 95) for n in range(100)]
    swapped = [slow[80], slow[79]]

    bench = Bench().insert(*slow[:79], *swapped, *slow[81:])

    assert bench.seqs == list(range(100))
    assert not bench.refused


def test_what_waits_is_bounded() -> None:
    """Times without any sense: each chunk is placed or refused while it is young."""
    for chunk_ms, most in ((100, MAX_HELD_MS // 100), (2, MAX_HELD_CHUNKS)):
        bench = Bench(chunk_ms=chunk_ms)
        for n in range(300):
            bench.insert(chunk(n * 17 % 1_000, 10_000 * (n * 7919 % 6_007)))
            assert len(bench.sequencer.held) <= most
        bench.flush()
        assert len(bench.released) + len(bench.refused) == 300


def test_a_point_at_another_rate_is_the_same_millisecond() -> None:
    point = SequencePoint(clock=8_001, claimed_end=4_000)

    moved = point.at_rate(8_000, 16_000)

    assert (moved.clock, moved.claimed_end) == (1_001 * 16, 8_000)


def test_what_waited_is_put_back() -> None:
    first = Bench().insert(*map(chunk, (0, 2, 3)))
    later = ChunkSequencer(RATE_HZ, first.point, seen=first.sequencer.seen)
    for held in first.sequencer.held:
        later.put_back(chunk((0, 2, 3)[held.offset]), held, samples=CHUNK_SAMPLES)

    expected = first.sequencer.insert(chunk(1), 3, samples=CHUNK_SAMPLES)

    assert later.insert(chunk(1), 3, samples=CHUNK_SAMPLES) == expected
    assert [r.chunk.seq for r in expected.released if r.chunk] == [1, 2, 3]


@given(st.permutations(range(12)))
def test_in_any_order_each_chunk_is_released_once_and_ascending(order: list[int]) -> None:
    bench = Bench().insert(*map(chunk, order)).flush()

    assert bench.seqs == sorted(set(bench.seqs))
    assert len(bench.seqs) + len(bench.refused) == 12


@given(st.permutations(range(12)), st.integers(0, 12))
def test_a_fresh_sequencer_goes_on_between_any_two_chunks(order: list[int], at: int) -> None:
    whole = Bench().insert(*map(chunk, order)).flush()
    first = Bench().insert(*map(chunk, order[:at]))
    state = msgspec.json.decode(msgspec.json.encode(first.point), type=SequencePoint)
    second = Bench(state)
    second.sequencer = ChunkSequencer(RATE_HZ, state, seen=tuple(first.sequencer.seen))
    for held in first.sequencer.held:
        second.sequencer.put_back(chunk(order[held.offset]), held, samples=CHUNK_SAMPLES)
    second.fed = at
    second.insert(*map(chunk, order[at:])).flush()

    assert first.released + second.released == whole.released
    assert first.refused + second.refused == whole.refused

from hypothesis import given
from hypothesis import strategies as st

from schemas.audio import AudioChunk
from stream_app.calls.sequencer import ChunkSequencer, SequencedChunk, SequencePoint

RATE_HZ = 8_000
CHUNK_MS = 100
CHUNK_SAMPLES = RATE_HZ * CHUNK_MS // 1000


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


def insert_all(sequencer: ChunkSequencer, chunks: list[AudioChunk]) -> list[SequencedChunk]:
    released: list[SequencedChunk] = []
    for offset, message in enumerate(chunks):
        released += sequencer.insert(message, offset, samples=CHUNK_SAMPLES) or []
    return released


def seqs(released: list[SequencedChunk]) -> list[int]:
    return [sequenced.chunk.seq for sequenced in released]


def test_chunks_in_order_pass_at_once() -> None:
    sequencer = ChunkSequencer(RATE_HZ)

    released = sequencer.insert(chunk(0), 7, samples=CHUNK_SAMPLES)

    assert released is not None
    assert [(r.offset, r.start, r.end) for r in released] == [(7, 0, CHUNK_SAMPLES)]


def test_a_chunk_that_overtook_two_others_waits_for_them() -> None:
    assert seqs(insert_all(ChunkSequencer(RATE_HZ), [chunk(n) for n in (2, 0, 1)])) == [0, 1, 2]


def test_a_missing_chunk_is_given_up_after_three_later_ones() -> None:
    sequencer = ChunkSequencer(RATE_HZ)

    released = insert_all(sequencer, [chunk(n) for n in (0, 2, 3)])
    assert seqs(released) == [0]
    released = insert_all(sequencer, [chunk(4)])

    assert seqs(released) == [2, 3, 4]
    assert sequencer.point == SequencePoint(
        next_seq=5, clock=5 * CHUNK_SAMPLES, gaps=1, gap_ms=CHUNK_MS
    )


def test_duplicates_and_late_chunks_are_dropped_and_counted() -> None:
    sequencer = ChunkSequencer(RATE_HZ)
    insert_all(sequencer, [chunk(n) for n in (0, 2, 3, 4)])

    assert sequencer.insert(chunk(1), 9, samples=CHUNK_SAMPLES) is None
    assert sequencer.insert(chunk(4), 9, samples=CHUNK_SAMPLES) is None
    assert sequencer.dropped == 2


def test_a_corrupt_sequence_number_invents_no_audio() -> None:
    """It waits for what never comes, and gets the place that its start tells at the end."""
    sequencer = ChunkSequencer(RATE_HZ)

    released = insert_all(sequencer, [chunk(0), chunk(4_000_000, start_ms=100), chunk(1), chunk(2)])

    assert seqs(released) == [0, 1, 2]
    (last,) = sequencer.flush()
    assert last.end == 4 * CHUNK_SAMPLES
    assert sequencer.point.gap_ms == 0


def test_a_start_ahead_of_the_clock_is_a_gap_even_without_a_missing_number() -> None:
    released = insert_all(ChunkSequencer(RATE_HZ), [chunk(0), chunk(1, start_ms=2_100)])

    assert released[1].start == 2_100 * RATE_HZ // 1000
    assert released[1].after_gap.gap_ms == 2_000
    assert not released[1].is_after_jump


def test_a_gap_of_more_than_five_seconds_is_a_jump() -> None:
    released = insert_all(ChunkSequencer(RATE_HZ), [chunk(0), chunk(1, start_ms=5_201)])

    assert released[1].is_after_jump


def test_a_clock_that_wavers_makes_no_gap() -> None:
    chunks = [chunk(0), chunk(1, start_ms=120), chunk(2, start_ms=190), chunk(3, start_ms=305)]

    released = insert_all(ChunkSequencer(RATE_HZ), chunks)

    assert [r.start for r in released] == [n * CHUNK_SAMPLES for n in range(4)]


def test_chunks_before_the_point_are_ignored() -> None:
    sequencer = ChunkSequencer(RATE_HZ, SequencePoint(next_seq=5, clock=5 * CHUNK_SAMPLES))

    assert seqs(insert_all(sequencer, [chunk(n) for n in range(3, 8)])) == [5, 6, 7]


@given(st.permutations(range(12)))
def test_whatever_the_order_each_chunk_comes_out_once_and_ascending(order: list[int]) -> None:
    sequencer = ChunkSequencer(RATE_HZ)

    out = seqs(insert_all(sequencer, [chunk(n) for n in order])) + seqs(sequencer.flush())

    assert out == sorted(set(out))
    assert len(out) + sequencer.dropped == 12

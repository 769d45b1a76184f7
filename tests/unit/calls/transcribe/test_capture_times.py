"""The capture time of audio is that of the chunk in which it came."""

from schemas.audio import AudioChunk
from stream_app.calls.transcribe.input.ordered_chunks import SequencedChunk
from stream_app.calls.transcribe.segmenter.capture_times import CaptureTimes

RATE_HZ = 8_000
CHUNK_MS = 100
CHUNK_SAMPLES = RATE_HZ * CHUNK_MS // 1000


def sequenced(number: int) -> SequencedChunk:
    """Return a chunk of 100 ms that was captured at ``1000 + number``."""
    chunk = AudioChunk(
        event_id=f"c/{number}",
        call_id="c",
        captured_at_ns=1_000 + number,
        seq=number,
        start_ms=number * CHUNK_MS,
        encoding="mulaw",
        sample_rate_hz=RATE_HZ,
        payloads=(bytes(CHUNK_SAMPLES),),
    )
    start = number * CHUNK_SAMPLES
    return SequencedChunk(chunk, number, start, start, CHUNK_SAMPLES)


def captures(chunks: int) -> CaptureTimes:
    times = CaptureTimes()
    times.begin(RATE_HZ)
    for number in range(chunks):
        times.add(sequenced(number))
    return times


def test_audio_was_captured_with_its_chunk() -> None:
    times = captures(5)

    assert [times.at(at_ms) for at_ms in (50, 100, 101, 350)] == [1_000, 1_000, 1_001, 1_003]


def test_audio_beyond_the_last_chunk_counts_as_captured_with_it() -> None:
    """The last frame of a channel is filled up with silence."""
    assert captures(3).at(320) == 1_002


def test_without_audio_there_is_no_capture_time() -> None:
    times = captures(3)
    times.begin(16_000)

    assert times.at(100) == 0


def test_chunks_before_the_horizon_are_forgotten_and_later_ones_kept() -> None:
    times = captures(5)

    times.forget(2 * CHUNK_SAMPLES)

    assert times.at(250) == 1_002
    assert len(times._chunks) == 3

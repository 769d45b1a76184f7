"""One corrupt number or time in a call, at any position: no word of it is lost."""

from functools import cache

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.vad.front_end import ChannelFrontEnd
from schemas.audio import AudioChunk
from schemas.base import Message
from schemas.operations import Checkpoint
from schemas.transcripts import CallTranscribed, TranscriptPartial
from stream_app.calls.transcribe.input.sequencer import JUMP_PROOF_MS
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from tests.support.calls.level_detector import LevelDetector
from tests.support.calls.partition_log import Durable, Worker, deterministic_lane
from tests.support.calls.recorded_calls import RATE_HZ, call_ended, call_started, fingerprint
from tests.support.calls.rough_calls import (
    HOUR_MS,
    Chunks,
    blocks_swapped,
    moved,
    plain_chunks,
    renumbered,
)
from tests.support.examples import examples

CONFIG = TranscriberConfig(
    front_end=lambda rate_hz: ChannelFrontEnd(rate_hz, LevelDetector()),
    segments=SegmentConfig(),
    partial_interval_ms=500,
    model="test-1",
)
COUNT = 60
CHUNK_MS = 200
FIRST_SEQ = 2 * 10**9  # so that a number can be far too small, too


def machine(call_id: str, checkpoint: Checkpoint | None) -> CallTranscriber:
    if checkpoint is not None:
        return CallTranscriber.restore(checkpoint, CONFIG)
    return CallTranscriber(call_id, CONFIG)


class Run:
    """A call with some chunks, run to its end."""

    def __init__(self, chunks: Chunks) -> None:
        log = [("c", message) for message in (call_started("c"), *chunks, call_ended("c"))]
        self.durable = Durable()
        worker = Worker(log, self.durable, machine, fingerprint)
        worker.run()
        assert self.durable.watermark == len(log)
        self.call = worker.machines["c"]

    @property
    def lane(self) -> list[Message]:
        """Return the deterministic lane; its words tell every sample that they were made of."""
        return deterministic_lane(self.durable.outputs, (TranscriptPartial,))

    @property
    def duration_ms(self) -> int:
        """Return how long the call was."""
        (end,) = [m for m in self.durable.outputs if isinstance(m, CallTranscribed)]
        return end.summary.duration_ms

    @property
    def heard_ms(self) -> int:
        """Return how much audio was laid on the clock."""
        assert isinstance(self.call, CallTranscriber)
        return self.call._input.order.heard * 1000 // RATE_HZ


@cache
def good() -> tuple[AudioChunk, ...]:
    return tuple(renumbered(plain_chunks("c", 36_000, COUNT, chunk_ms=CHUNK_MS), FIRST_SEQ))


@cache
def fine() -> tuple[AudioChunk, ...]:
    return tuple(plain_chunks("c", 36_000, 500, chunk_ms=20))


@cache
def undisturbed(chunks: tuple[AudioChunk, ...]) -> list[Message]:
    return Run(list(chunks)).lane


INDICES = st.integers(0, COUNT - 1)


@examples(20)
@given(at=INDICES, count=st.integers(1, 4), by=st.sampled_from([10**9, -(10**9), -1, 1, 5]))
def test_corrupt_numbers_change_nothing(at: int, count: int, by: int) -> None:
    chunks = list(good())
    chunks[at : at + count] = renumbered(chunks[at : at + count], by)

    assert Run(chunks).lane == undisturbed(good())


@examples(20)
@given(at=INDICES)
def test_a_wrap_at_16_bit_changes_nothing(at: int) -> None:
    chunks = [
        msgspec.structs.replace(c, seq=(65_536 - at + n) % 65_536) for n, c in enumerate(good())
    ]

    assert Run(chunks).lane == undisturbed(good())


@pytest.mark.parametrize("pause_ms", [0, 700, 3_000, 20_000])
@examples(10)
@given(at=st.integers(1, COUNT - JUMP_PROOF_MS // CHUNK_MS))
def test_numbers_that_begin_again_change_nothing(pause_ms: int, at: int) -> None:
    """Also after a pause: what the pause itself changes it changes with the old numbers, too."""
    paused = [*good()[:at], *moved(list(good()[at:]), pause_ms)]
    again = [*paused[:at], *renumbered(paused[at:], -paused[at].seq)]

    assert Run(again).lane == Run(paused).lane


@examples(10)
@given(at=st.integers(1, COUNT - 2))
def test_audio_too_short_to_prove_a_jump_is_heard_all_the_same(at: int) -> None:
    """After a pause of 20 s, with new numbers, the call ends within a second."""
    end = min(at + 4, COUNT)
    again = moved(renumbered(list(good()[at:end]), -good()[at].seq), 20_000)

    run = Run([*good()[:at], *again])

    assert not run.durable.refused
    assert run.heard_ms == end * CHUNK_MS


@examples(20)
@given(
    at=INDICES,
    by_ms=st.sampled_from([HOUR_MS, 6_000, 3_000, 500, 21, -21, -500, -HOUR_MS]),
)
def test_one_corrupt_time_changes_nothing(at: int, by_ms: int) -> None:
    chunks = list(good())
    chunks[at : at + 1] = moved(chunks[at : at + 1], by_ms)

    run = Run(chunks)

    assert run.heard_ms == (COUNT - len(run.durable.refused)) * CHUNK_MS
    if 0 < at < COUNT - 1:  # at either end no neighbour shows that it is wrong
        assert run.lane == undisturbed(good())


@examples(10)
@given(at=INDICES)
def test_a_time_beyond_any_call_costs_that_chunk_alone(at: int) -> None:
    chunks = list(good())
    chunks[at] = msgspec.structs.replace(chunks[at], start_ms=2**40)

    run = Run(chunks)

    assert run.durable.refused == [at + 1]
    assert run.heard_ms == (COUNT - 1) * CHUNK_MS
    assert run.duration_ms == (COUNT - (at == COUNT - 1)) * CHUNK_MS


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_swapped_blocks_change_nothing(size: int) -> None:
    assert Run(blocks_swapped(list(fine()), size)).lane == undisturbed(fine())


@pytest.mark.parametrize("distance", [1, 2, 10])
def test_chunks_that_come_twice_change_nothing(distance: int) -> None:
    twice: Chunks = []
    for n, chunk in enumerate(fine()):
        twice += [chunk, *([fine()[n - distance]] if n >= distance else [])]

    run = Run(twice)

    assert run.lane == undisturbed(fine())
    assert not run.durable.refused


@examples(10)
@example(at=1)  # its numbers are known from one chunk alone
@given(at=INDICES)
def test_a_source_that_sends_on_with_times_from_zero_keeps_its_words(at: int) -> None:
    """Its numbers go on: they tell that nothing is missing."""
    chunks = [*good()[:at], *moved(list(good()[at:]), -at * CHUNK_MS)]

    run = Run(chunks)

    assert run.lane[:-1] == undisturbed(good())[:-1]
    (end,) = [m for m in run.durable.outputs if isinstance(m, CallTranscribed)]
    ahead_ms = at * CHUNK_MS if 2 < at < COUNT - 1 else 0  # 500 ms, for two chunks in a row
    assert (end.summary.duration_ms, end.summary.clock_ahead_ms or 0) == (
        COUNT * CHUNK_MS,
        ahead_ms,
    )

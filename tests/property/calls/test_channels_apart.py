"""Channels in messages of their own: the lane is that of the call that has them together."""

import random
from dataclasses import replace
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.audio import AudioChunk
from schemas.base import Message
from schemas.transcripts import CallTranscribed
from stream_app.calls.counters import CallCounters
from stream_app.calls.transcribe.transcriber import CallTranscriber
from tests.property.calls.test_rough_calls import Create, lanes, machine, run, whole_machine
from tests.support.calls.apart_calls import (
    Tracks,
    apart,
    in_chunks_of,
    in_turn,
    together,
    tracks_of,
)
from tests.support.calls.partition_log import Durable, LogEntry
from tests.support.calls.recorded_calls import call_ended, call_started
from tests.support.calls.rough_calls import (
    ORDER,
    Chunks,
    blocks_swapped,
    moved,
    plain_chunks,
    renumbered,
)
from tests.support.examples import examples

PARTIES = ("agent", "customer", "unknown")
EXAMPLES = examples(8)


def log_of(chunks: Chunks, *, channels: int = 2) -> list[LogEntry]:
    start = msgspec.structs.replace(call_started("a"), parties=PARTIES[:channels])
    return [("a", message) for message in (start, *chunks, call_ended("a"))]


class Run:
    """A call, run to its end."""

    def __init__(self, chunks: Chunks, *, channels: int = 2) -> None:
        self.durable: Durable
        self.durable, worker = run(log_of(chunks, channels=channels))
        call = worker.machines["a"]
        assert isinstance(call, CallTranscriber)
        self.counters: CallCounters = call.counters
        self.order = call._input.order

    @property
    def lane(self) -> list[Message]:
        """Return the deterministic lane; its words tell every sample that they were made of."""
        return lanes(self.durable, machine)[0]

    @property
    def duration_ms(self) -> int:
        """Return how long the call was."""
        (end,) = [m for m in self.durable.outputs if isinstance(m, CallTranscribed)]
        return end.summary.duration_ms


@cache
def plain(channels: int = 2) -> tuple[AudioChunk, ...]:
    """Return 6 s of a call in chunks of 20 ms, every channel in each."""
    chunks = plain_chunks("a", 36_000, 300, chunk_ms=20)
    if channels == 3:
        third = plain_chunks("a", 20_000, 300, chunk_ms=20)
        chunks = [
            msgspec.structs.replace(c, payloads=(*c.payloads, other.payloads[1]))
            for c, other in zip(chunks, third, strict=True)
        ]
    return tuple(chunks)


@cache
def expected(channels: int = 2) -> list[Message]:
    return Run(list(plain(channels)), channels=channels).lane


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("burst", [1, 5, 15])
def test_each_channel_in_a_message_of_its_own(burst: int, channels: int, is_shared: bool) -> None:
    run = Run(apart(list(plain(channels)), burst=burst, is_shared=is_shared), channels=channels)

    assert run.lane == expected(channels)
    assert not run.durable.refused
    assert replace(run.counters, early_finals=0) == CallCounters()


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize(("one_ms", "other_ms"), [(20, 60), (60, 20), (40, 200)])
def test_channels_in_chunks_of_unequal_length(one_ms: int, other_ms: int, is_shared: bool) -> None:
    first, second = tracks_of(list(plain()))
    tracks = [in_chunks_of(first, one_ms // 20), in_chunks_of(second, other_ms // 20)]

    run = Run(in_turn(tracks, is_shared=is_shared))

    assert run.lane == expected()
    assert not run.durable.refused


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("late_ms", [20, 300, 380])
def test_one_channel_comes_late(late_ms: int, is_shared: bool) -> None:
    tracks = tracks_of(list(plain()))

    assert Run(in_turn(tracks, late_ms=(0, late_ms), is_shared=is_shared)).lane == expected()


def test_a_channel_that_comes_too_late_keeps_its_words_and_is_counted() -> None:
    run = Run(in_turn(tracks_of(list(plain())), late_ms=(0, 1_500)))

    assert not run.durable.refused
    assert run.duration_ms == 6_000 + 1_500 - 400
    assert run.counters.clock_ahead_ms == 1_500 - 400


def test_two_channels_together_and_a_third_apart() -> None:
    first, second, third = tracks_of(list(plain(3)))
    order = in_turn([together(first, second), third])

    assert Run(order, channels=3).lane == expected(3)


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize(("first", "last"), [(0, 150), (120, 300)])
def test_a_channel_that_starts_late_or_ends_early(first: int, last: int, is_shared: bool) -> None:
    silent = [
        c if first <= n < last else msgspec.structs.replace(c, payloads=(c.payloads[0], b""))
        for n, c in enumerate(plain())
    ]

    run = Run(apart(silent, is_shared=is_shared))

    one, other = tracks_of(list(plain()))
    assert run.lane == Run(in_turn([one, other[first:last]], is_shared=is_shared)).lane
    assert run.lane == Run(with_silence(list(plain()), first, last)).lane
    assert not run.durable.refused
    assert run.counters.gaps == 0


def with_silence(chunks: Chunks, first: int, last: int) -> Chunks:
    """Return the chunks with zeros on the second channel outside of [first, last)."""
    zeros = b"\xff" * len(chunks[0].payloads[1])
    return [
        c if first <= n < last else msgspec.structs.replace(c, payloads=(c.payloads[0], zeros))
        for n, c in enumerate(chunks)
    ]


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("channel", [0, 1])
def test_duplicates_of_one_channel(channel: int, is_shared: bool) -> None:
    order = apart(list(plain()), is_shared=is_shared)
    twice = [
        each
        for n, chunk in enumerate(order)
        for each in ((chunk, order[n - 4]) if chunk.payloads[channel] and n > 8 else (chunk,))
    ]

    run = Run(twice)

    assert run.lane == expected()
    assert run.counters.duplicates == len(twice) - len(order)


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("is_shared", [True, False])
def test_swapped_blocks_of_channels_apart(size: int, is_shared: bool) -> None:
    order = apart(list(plain()), is_shared=is_shared)

    assert Run([order[0], order[1], *blocks_swapped(order[2:], size)]).lane == expected()


@pytest.mark.parametrize("is_shared", [True, False])
def test_times_that_are_all_0(is_shared: bool) -> None:
    """Numbers alone give the order; the clock that runs ahead is counted."""
    order = [msgspec.structs.replace(c, start_ms=0) for c in apart(list(plain()), burst=3)]
    run = Run(renumbered(order, 0) if is_shared else numbered_apart(order))

    assert run.lane[:-1] == expected()[:-1]
    assert run.duration_ms == 6_000
    assert run.counters.clock_ahead_ms == 6_000 - 2 * 20


def numbered_apart(chunks: Chunks) -> Chunks:
    numbers = [0, 0]
    order: Chunks = []
    for chunk in chunks:
        channel = 0 if chunk.payloads[0] else 1
        order.append(msgspec.structs.replace(chunk, seq=numbers[channel]))
        numbers[channel] += 1
    return order


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("pause_ms", [300, 20_000])
def test_a_gap_is_that_of_the_call_with_its_channels_together(
    pause_ms: int, is_shared: bool
) -> None:
    paused = [*plain()[:150], *moved(list(plain()[150:]), pause_ms)]

    whole, run = Run(list(paused)), Run(apart(paused, is_shared=is_shared))

    assert run.lane == whole.lane
    assert (run.order.gaps, run.order.gap_ms) == (1, pause_ms)


def test_audio_lost_on_one_channel_is_silence_there() -> None:
    first, second = tracks_of(list(plain()))
    lost = Run(in_turn([first, [*second[:150], *second[160:]]]))
    silent = [
        c if n not in range(150, 160) else msgspec.structs.replace(c, payloads=(c.payloads[0], b""))
        for n, c in enumerate(plain())
    ]

    assert lost.lane == Run(silent).lane
    assert lost.order.gaps == 0


def test_a_call_that_sends_its_channels_together_waits_for_no_silent_one() -> None:
    chunks = list(plain())
    silent = [
        *chunks[:150],
        *(msgspec.structs.replace(c, payloads=(c.payloads[0], b"")) for c in chunks[150:]),
    ]
    call = machine("a", None)
    call.feed(call_started("a"), 0)
    for offset, chunk in enumerate(silent, start=1):
        call.feed(chunk, offset)

    assert call._channels.heard_ms > 6_000 - 100


def test_after_silence_at_its_start_a_call_that_sends_its_channels_together_waits_no_more() -> None:
    chunks = list(plain())
    silent = [msgspec.structs.replace(c, payloads=(c.payloads[0], b"")) for c in chunks]
    call = machine("a", None)
    call.feed(call_started("a"), 0)
    for offset, chunk in enumerate([*silent[:100], *chunks[100:220]], start=1):
        call.feed(chunk, offset)
    assert not call._input.order.tracks
    for offset, chunk in enumerate(silent[220:], start=221):
        call.feed(chunk, offset)

    assert call._channels.heard_ms > 6_000 - 100


def test_channels_that_come_apart_in_mid_call_lose_a_chunk_at_most() -> None:
    order = [*plain()[:150], *apart(list(plain()[150:]), first_seq=150)]

    run = Run(order)

    assert len(run.durable.refused) <= 1
    assert run.duration_ms <= 6_000 + 20


SEEDS = st.integers(0, 2**32)
LAGS = st.tuples(st.sampled_from([0, 0, 3, 40]), st.sampled_from([0, 0, 2, 9]))


def rough(seed: int) -> tuple[list[LogEntry], random.Random]:
    """Return a call with its channels apart, now and then, in which things go wrong."""
    rng = random.Random(seed)
    chunk_ms = rng.choice([20, 60, 100, 200])
    chunks = plain_chunks("a", rng.randrange(0, 60) * 1_000, 8_000 // chunk_ms, chunk_ms=chunk_ms)
    at = rng.choice([0, 0, 0, len(chunks) // 2])
    tracks: Tracks = tracks_of(chunks[at:])
    if rng.random() < 0.3:
        tracks = [in_chunks_of(each, rng.choice([1, 2, 3])) for each in tracks]
    if rng.random() < 0.3:
        tracks[1] = tracks[1][rng.randrange(20) :]
    late_ms = (0, rng.choice([0, 0, 100, 300, 700]))
    tail = in_turn(tracks, late_ms=late_ms, is_shared=rng.random() < 0.5, first_seq=at)
    order = [*chunks[:at], *tail]
    for _ in range(rng.randrange(4)):
        order = rng.choice(ORDER)(rng, order) or order
    return log_of(order), rng


def check(seed: int, lags: tuple[int, int], create: Create) -> None:
    log, rng = rough(seed)
    undisturbed, _ = run(log, create=create)
    for _ in range(2):
        crashes = [rng.randrange(1, len(log)) for _ in range(rng.choice([1, 1, 3]))]
        disturbed, _ = run(log, *crashes, lags=lags, create=create)
        assert lanes(disturbed, create) == lanes(undisturbed, create)
        assert set(disturbed.refused) == set(undisturbed.refused)


@EXAMPLES
@given(seed=SEEDS, lags=LAGS)
def test_no_crash_changes_a_rough_call_with_its_channels_apart(
    seed: int, lags: tuple[int, int]
) -> None:
    check(seed, lags, machine)


@EXAMPLES
@given(seed=SEEDS, lags=LAGS)
def test_no_crash_changes_its_deterministic_partials(seed: int, lags: tuple[int, int]) -> None:
    check(seed, lags, whole_machine)


@EXAMPLES
@given(seed=SEEDS)
def test_every_chunk_is_heard_or_refused_or_counted(seed: int) -> None:
    log, _ = rough(seed)
    durable, worker = run(log)
    call = worker.machines["a"]
    assert isinstance(call, CallTranscriber)
    audio = {n: m for n, (_, m) in enumerate(log) if isinstance(m, AudioChunk)}
    refused = audio.keys() & set(durable.refused)
    unused = len(refused) + call.counters.duplicates + call.counters.late_chunks

    assert len(durable.acknowledged) == len(log)
    assert len(audio) - unused <= call.chunks_taken <= len(audio) - call.counters.duplicates

"""Calls whose audio comes out of order, twice, late, renumbered, mistimed or in another layout."""

import random
from collections.abc import Callable

import msgspec
import numpy as np

from models.audio.payload import encode_payload
from schemas.audio import (
    AudioChunk,
    AudioTopicMessage,
    CallHeld,
    CallResumed,
    CallStalled,
    CallStarted,
    DtmfPressed,
)
from schemas.base import CallContext
from tests.support.calls.recorded_calls import RATE_HZ, call_ended, call_started, chunk, demo_audio

HOUR_MS = 3_600_000

Chunks = list[AudioChunk]
Disturbance = Callable[[random.Random, Chunks], Chunks]


def plain_chunks(call_id: str, start_ms: int, count: int, *, chunk_ms: int = 100) -> Chunks:
    """Return chunks of a stretch of the bundled call, in order."""
    step = chunk_ms * RATE_HZ // 1000
    audio = np.resize(demo_audio()[start_ms * RATE_HZ // 1000 :], (count * step, 2))
    return [chunk(call_id, n, n * step, audio[n * step : (n + 1) * step]) for n in range(count)]


def renumbered(chunks: Chunks, by: int) -> Chunks:
    """Return the chunks with their numbers moved."""
    return [msgspec.structs.replace(chunk, seq=max(chunk.seq + by, 0)) for chunk in chunks]


def moved(chunks: Chunks, by_ms: int) -> Chunks:
    """Return the chunks with their times moved."""
    return [
        msgspec.structs.replace(chunk, start_ms=max(chunk.start_ms + by_ms, 0)) for chunk in chunks
    ]


def blocks_swapped(chunks: Chunks, size: int) -> Chunks:
    """Return the chunks with every two neighbouring blocks exchanged."""
    return [
        chunk
        for n in range(0, len(chunks), 2 * size)
        for chunk in (*chunks[n + size : n + 2 * size], *chunks[n : n + size])
    ]


def _restart_numbers(rng: random.Random, chunks: Chunks) -> Chunks:
    at = rng.randrange(len(chunks))
    return [*chunks[:at], *renumbered(chunks[at:], -chunks[at].seq)]


def _wrap_numbers(rng: random.Random, chunks: Chunks) -> Chunks:
    base = 65_536 - rng.randrange(len(chunks))
    return [msgspec.structs.replace(c, seq=(c.seq + base) % 65_536) for c in chunks]


def _corrupt_numbers(rng: random.Random, chunks: Chunks) -> Chunks:
    at, count = rng.randrange(len(chunks)), rng.choice([1, 1, 2, 3])
    by = rng.choice([10**9, -7, 1, 3])
    return [*chunks[:at], *renumbered(chunks[at : at + count], by), *chunks[at + count :]]


def _corrupt_times(rng: random.Random, chunks: Chunks) -> Chunks:
    at, count = rng.randrange(len(chunks)), rng.choice([1, 1, 2, 3])
    by_ms = rng.choice([HOUR_MS, 2**40 - HOUR_MS, -HOUR_MS, 6_000, 3_000, 700, 30, -30, -300])
    return [*chunks[:at], *moved(chunks[at : at + count], by_ms), *chunks[at + count :]]


def _jump(rng: random.Random, chunks: Chunks) -> Chunks:
    at, by_ms = rng.randrange(len(chunks)), rng.choice([300, 2_000, 5_001, 9_000, HOUR_MS, -2_000])
    rest = moved(chunks[at:], by_ms)
    return [*chunks[:at], *(renumbered(rest, 40) if rng.random() < 0.5 else rest)]


def _lose(rng: random.Random, chunks: Chunks) -> Chunks:
    at, count = rng.randrange(len(chunks)), rng.choice([1, 2, 5])
    return [*chunks[:at], *chunks[at + count :]]


def _repeat(rng: random.Random, chunks: Chunks) -> Chunks:
    at, later = rng.randrange(len(chunks)), rng.choice([1, 2, 10])
    return [*chunks[: at + later], chunks[at], *chunks[at + later :]]


def _swap(rng: random.Random, chunks: Chunks) -> Chunks:
    at, size = rng.randrange(len(chunks)), rng.choice([1, 2, 3])
    end = at + 2 * size * rng.choice([1, 3])
    return [*chunks[:at], *blocks_swapped(chunks[at:end], size), *chunks[end:]]


def _delay(rng: random.Random, chunks: Chunks) -> Chunks:
    at, later = rng.randrange(len(chunks)), rng.choice([2, 4, 8, 20])
    return [*chunks[:at], *chunks[at + 1 : at + later], chunks[at], *chunks[at + later :]]


def _drift(rng: random.Random, chunks: Chunks) -> Chunks:
    share = rng.choice([0.9, 0.98, 1.02, 1.1])
    return [msgspec.structs.replace(c, start_ms=int(c.start_ms * share)) for c in chunks]


def _change_codec(rng: random.Random, chunks: Chunks) -> Chunks:
    at, encoding = rng.randrange(len(chunks)), rng.choice(["pcm16", "alaw"])
    silence = np.zeros(len(chunks[0].payloads[0]), dtype=np.float32)
    payload = encode_payload(encoding, silence)
    return [
        *chunks[:at],
        *(
            msgspec.structs.replace(c, encoding=encoding, payloads=(payload,) * len(c.payloads))
            for c in chunks[at : at + 3]
        ),
        *chunks[at + 3 :],
    ]


def _change_channels(rng: random.Random, chunks: Chunks) -> Chunks:
    at, count = rng.choice([0, rng.randrange(len(chunks))]), rng.choice([1, 3, len(chunks)])
    return [
        *chunks[:at],
        *(msgspec.structs.replace(c, payloads=c.payloads[:1]) for c in chunks[at : at + count]),
        *chunks[at + count :],
    ]


def _change_rate(rng: random.Random, chunks: Chunks) -> Chunks:
    at, count = rng.choice([0, rng.randrange(len(chunks))]), rng.choice([1, 4, len(chunks)])
    return [
        *chunks[:at],
        *(
            msgspec.structs.replace(
                c, sample_rate_hz=16_000, payloads=tuple(p + p for p in c.payloads)
            )
            for c in chunks[at : at + count]
        ),
        *chunks[at + count :],
    ]


ORDER: tuple[Disturbance, ...] = (
    *(_restart_numbers, _wrap_numbers, _corrupt_numbers, _corrupt_times, _jump, _lose),
    *(_repeat, _swap, _delay, _drift, _change_codec),
)
LAYOUT: tuple[Disturbance, ...] = (_change_channels, _change_rate)


def rough_call(
    rng: random.Random, call_id: str, *, disturbances: tuple[Disturbance, ...]
) -> list[AudioTopicMessage]:
    """Return the messages of a call in which up to four things go wrong, its start anywhere."""
    chunk_ms = rng.choice([20, 60, 100, 200, 200, 500])
    count = rng.randrange(3, 8_000 // chunk_ms if chunk_ms > 20 else 150)
    chunks = plain_chunks(call_id, rng.randrange(0, 60) * 1_000, count, chunk_ms=chunk_ms)
    for _ in range(rng.randrange(5)):
        if chunks:
            chunks = rng.choice(disturbances)(rng, chunks)
    log: list[AudioTopicMessage] = []
    for each in chunks:
        log += [each, *_between(rng, each)]
    log += [] if rng.random() < 0.5 else _stall(call_id, log)
    if rng.random() < 0.9:
        index = 0 if rng.random() < 0.3 else rng.randrange(len(log) + 1)
        log.insert(index, _start(rng, call_id))
    return [*log, call_ended(call_id)]


def _start(rng: random.Random, call_id: str) -> CallStarted:
    start = call_started(call_id)
    context = CallContext(language="de", hot_words=("one",), domain="bank")
    dice = rng.random()
    if dice < 0.05:
        return msgspec.structs.replace(start, context=context, sample_rate_hz=16_000)
    if dice < 0.1:
        return msgspec.structs.replace(start, context=context, parties=("customer",))
    return msgspec.structs.replace(start, context=context)


def _between(rng: random.Random, chunk: AudioChunk) -> list[AudioTopicMessage]:
    """Return what comes after a chunk: mostly nothing."""
    call_id, dice = chunk.call_id, rng.random()
    if dice < 0.03:
        after_seq = chunk.seq + (dice < 0.01)
        return [CallStalled(event_id="t", call_id=call_id, captured_at_ns=1, after_seq=after_seq)]
    if dice < 0.05:
        at_ms = rng.choice([-1, chunk.start_ms])
        if dice < 0.04:
            return [CallHeld(event_id="h", call_id=call_id, captured_at_ns=1, at_ms=at_ms)]
        return [CallResumed(event_id="r", call_id=call_id, captured_at_ns=1, at_ms=at_ms)]
    if dice < 0.07:
        keyed = {"at_ms": chunk.start_ms, "channel": 0}
        return [DtmfPressed(event_id="d", call_id=call_id, captured_at_ns=1, digit="5", **keyed)]
    return []


def _stall(call_id: str, log: list[AudioTopicMessage]) -> list[AudioTopicMessage]:
    last = [message.seq for message in log if isinstance(message, AudioChunk)][-1:]
    return [
        CallStalled(event_id="t", call_id=call_id, captured_at_ns=1, after_seq=seq) for seq in last
    ]

"""Rough input of a call: a crash changes nothing, and every chunk is used, refused or counted."""

import dataclasses
import random
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.vad.front_end import ChannelFrontEnd
from schemas.audio import AudioChunk
from schemas.base import CallContext, Message
from schemas.codec import decode_json, encode_json
from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptPartial
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from tests.support.calls.level_detector import LevelDetector
from tests.support.calls.partition_log import Durable, LogEntry, Worker, deterministic_lane
from tests.support.calls.recorded_calls import SHORT_SEGMENTS, call_ended, call_started, fingerprint
from tests.support.calls.rough_calls import (
    LAYOUT,
    ORDER,
    Disturbance,
    moved,
    plain_chunks,
    rough_call,
)
from tests.support.examples import examples

CONFIG = TranscriberConfig(
    front_end=lambda rate_hz: ChannelFrontEnd(rate_hz, LevelDetector()),
    segments=SHORT_SEGMENTS,
    partial_interval_ms=500,
    model="test-1",
)
WHOLE = dataclasses.replace(CONFIG, is_deterministic=True)
CALLS = ("a", "b")
TRIES = 4  # of crashes in one log


Create = Callable[[str, Checkpoint | None], CallTranscriber]


def machine(call_id: str, checkpoint: Checkpoint | None) -> CallTranscriber:
    return made(call_id, checkpoint, CONFIG)


def whole_machine(call_id: str, checkpoint: Checkpoint | None) -> CallTranscriber:
    return made(call_id, checkpoint, WHOLE)


def made(call_id: str, checkpoint: Checkpoint | None, config: TranscriberConfig) -> CallTranscriber:
    """Return a call's machine; a checkpoint comes to it as the topic would bring it."""
    if checkpoint is None:
        return CallTranscriber(call_id, config)
    read = decode_json(encode_json(checkpoint), Checkpoint)
    return CallTranscriber.restore(read, config)


def rough_log(rng: random.Random, disturbances: tuple[Disturbance, ...]) -> list[LogEntry]:
    """Return two calls of one partition, so that what one of them holds up is read again."""
    left = [
        [(call_id, message) for message in rough_call(rng, call_id, disturbances=disturbances)]
        for call_id in CALLS
    ]
    log: list[LogEntry] = []
    while any(left):
        log.append(rng.choice([messages for messages in left if messages]).pop(0))
    return log


def run(
    log: list[LogEntry], *crashes: int, lags: Sequence[int] = (0, 0), create: Create = machine
) -> tuple[Durable, Worker]:
    """Return what is durable after crashes, and the worker that came to the end."""
    durable = Durable()
    for messages in (*crashes, None):
        worker = Worker(
            log, durable, create, fingerprint, inference_lag=lags[0], durability_lag=lags[1]
        )
        worker.run(messages=messages)
        assert max(worker.committed.values(), default=1) == 1, "acknowledged twice"
    assert durable.watermark == len(log)
    return durable, worker


def lanes(durable: Durable, create: Create) -> list[list[Message]]:
    volatile = (TranscriptPartial,) if create is machine else ()
    lane = deterministic_lane(durable.outputs, volatile)
    return [[message for message in lane if message.call_id == call_id] for call_id in CALLS]


def check_crashes(
    seed: int,
    disturbances: tuple[Disturbance, ...],
    lags: Sequence[int],
    create: Create = machine,
) -> None:
    rng = random.Random(seed)
    log = rough_log(rng, disturbances)
    undisturbed, _ = run(log, create=create)
    for _ in range(TRIES):
        crashes = [crash_place(rng, log) for _ in range(rng.choice([1, 1, 2, 4]))]
        disturbed, _ = run(log, *crashes, lags=lags, create=create)

        assert lanes(disturbed, create) == lanes(undisturbed, create)
        assert set(disturbed.refused) == set(undisturbed.refused)


def crash_place(rng: random.Random, log: list[LogEntry]) -> int:
    """Return how many messages a worker takes; often one that is no audio is among the last."""
    controls = [n for n, (_, m) in enumerate(log) if not isinstance(m, AudioChunk)]
    if rng.random() < 0.5:
        return max(1, min(rng.choice(controls) + rng.randrange(20), len(log) - 1))
    return rng.randrange(1, len(log))


SEEDS = st.integers(0, 2**32)
LAGS = st.tuples(st.sampled_from([0, 0, 3, 40]), st.sampled_from([0, 0, 2, 9]))


@examples(25)
@given(seed=SEEDS, lags=LAGS)
def test_no_crash_changes_a_rough_call(seed: int, lags: tuple[int, int]) -> None:
    check_crashes(seed, ORDER, lags)


@examples(25)
@given(seed=SEEDS, lags=LAGS)
def test_no_crash_changes_a_call_whose_layout_changes(seed: int, lags: tuple[int, int]) -> None:
    check_crashes(seed, ORDER + LAYOUT + LAYOUT, lags)


@pytest.mark.parametrize(("start_ms", "jump_ms"), [(37_000, 0), (28_000, 0), (36_000, 7_000)])
def test_a_start_anywhere_and_a_crash_anywhere_give_one_lane(start_ms: int, jump_ms: int) -> None:
    """The stretches have cuts at the limit, behind which audio is heard again, and a jump."""
    chunks = plain_chunks("a", start_ms, 35, chunk_ms=200)
    chunks = [*chunks[:20], *moved(chunks[20:], jump_ms)]
    for index in range(0, len(chunks), 2):
        start = msgspec.structs.replace(call_started("a"), context=CallContext(domain="bank"))
        messages = [*chunks[:index], start, *chunks[index:], call_ended("a")]
        log: list[LogEntry] = [("a", message) for message in messages]
        undisturbed = lanes(run(log)[0], machine)
        for crash in range(1 + index // 2 % 3, len(log), 3):
            disturbed, _ = run(log, crash, lags=(crash % 3, crash % 2))
            assert lanes(disturbed, machine) == undisturbed, (index, crash)


@examples(16)
@given(seed=SEEDS, lags=LAGS)
def test_no_crash_changes_the_partials_of_a_deterministic_call(
    seed: int, lags: tuple[int, int]
) -> None:
    check_crashes(seed, ORDER + LAYOUT, lags, whole_machine)


@examples(60)
@given(seed=SEEDS)
def test_every_chunk_is_heard_or_refused_or_counted_as_a_duplicate(seed: int) -> None:
    log = rough_log(random.Random(seed), ORDER)
    durable, worker = run(log)

    for call_id in CALLS:
        call = worker.machines[call_id]
        assert isinstance(call, CallTranscriber)
        chunks = {n: m for n, (_, m) in enumerate(log) if m.call_id == call_id}  # type: ignore[attr-defined]
        audio = {n: m for n, m in chunks.items() if isinstance(m, AudioChunk)}
        refused = audio.keys() & set(durable.refused)
        if {m.encoding for m in audio.values()} == {"mulaw"}:
            samples = len(next(iter(audio.values())).payloads[0])
            used = len(audio) - len(refused) - call.counters.duplicates
            assert call._input.order.heard == used * samples

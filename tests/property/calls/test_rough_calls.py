"""However rough a call's input is: a crash changes nothing, and nothing goes without a trace."""

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from models.vad.front_end import ChannelFrontEnd
from schemas.audio import AudioChunk
from schemas.base import Message
from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptPartial
from stream_app.calls.transcriber import CallTranscriber
from stream_app.calls.transcriber_state import TranscriberConfig
from tests.support.level_detector import LevelDetector
from tests.support.partition_log import Durable, LogEntry, Worker, deterministic_lane
from tests.support.recorded_calls import SHORT_SEGMENTS, fingerprint
from tests.support.rough_calls import LAYOUT, ORDER, Disturbance, rough_call

CONFIG = TranscriberConfig(
    front_end=lambda rate_hz: ChannelFrontEnd(rate_hz, LevelDetector()),
    segments=SHORT_SEGMENTS,
    partial_interval_ms=500,
    model="test-1",
)
CALLS = ("a", "b")


def machine(call_id: str, checkpoint: Checkpoint | None) -> CallTranscriber:
    if checkpoint is not None:
        return CallTranscriber.restore(checkpoint, CONFIG)
    return CallTranscriber(call_id, CONFIG)


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
    log: list[LogEntry], *crashes: int, inference_lag: int = 0, durability_lag: int = 0
) -> tuple[Durable, Worker]:
    """Return what is durable after crashes, and the worker that came to the end."""
    durable = Durable()
    for messages in (*crashes, None):
        worker = Worker(
            log,
            durable,
            machine,
            fingerprint,
            inference_lag=inference_lag,
            durability_lag=durability_lag,
        )
        worker.run(messages=messages)
        assert max(worker.committed.values(), default=1) == 1, "acknowledged twice"
    assert durable.watermark == len(log)
    return durable, worker


def lanes(durable: Durable) -> list[list[Message]]:
    lane = deterministic_lane(durable.outputs, (TranscriptPartial,))
    return [[message for message in lane if message.call_id == call_id] for call_id in CALLS]


def check_crashes(seed: int, disturbances: tuple[Disturbance, ...], lags: Sequence[int]) -> None:
    rng = random.Random(seed)  # noqa: S311 - a schedule, no secret
    log = rough_log(rng, disturbances)
    undisturbed, _ = run(log)
    crashes = [rng.randrange(1, len(log)) for _ in range(rng.choice([1, 1, 2, 4]))]
    disturbed, _ = run(log, *crashes, inference_lag=lags[0], durability_lag=lags[1])

    assert lanes(disturbed) == lanes(undisturbed)
    assert set(disturbed.refused) == set(undisturbed.refused)


SEEDS = st.integers(0, 2**32)
LAGS = st.tuples(st.sampled_from([0, 0, 3, 40]), st.sampled_from([0, 0, 2, 9]))


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, lags=LAGS)
def test_no_crash_changes_a_rough_call(seed: int, lags: tuple[int, int]) -> None:
    check_crashes(seed, ORDER, lags)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, lags=LAGS)
def test_no_crash_changes_a_call_whose_layout_changes(seed: int, lags: tuple[int, int]) -> None:
    check_crashes(seed, ORDER + LAYOUT + LAYOUT, lags)


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS)
def test_every_chunk_is_heard_or_refused_or_counted_as_a_duplicate(seed: int) -> None:
    log = rough_log(random.Random(seed), ORDER)  # noqa: S311 - no secret
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
            assert call._input.point.heard == used * samples

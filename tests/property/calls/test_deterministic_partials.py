"""With `asr.deterministic` a call's whole topic repeats: partials too, in the same order."""

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Message
from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptFinal, TranscriptPartial
from stream_app.calls.transcribe.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from tests.support.calls.partition_log import Durable, LogEntry, Worker, deterministic_lane
from tests.support.calls.recorded_calls import SHORT_SEGMENTS, detectors, fingerprint, recorded_call
from tests.support.examples import examples

CONFIG = TranscriberConfig(
    front_end=detectors().front_end,
    segments=SHORT_SEGMENTS,
    partial_interval_ms=500,
    model="test-1",
    is_deterministic=True,
)


def machine(call_id: str, checkpoint: Checkpoint | None) -> CallTranscriber:
    if checkpoint is not None:
        return CallTranscriber.restore(checkpoint, CONFIG)
    return CallTranscriber(call_id, CONFIG)


def exact_fingerprint(request: RecognitionRequest) -> RecognitionResult:
    assert request.is_exact
    assert request.draft == ()
    return fingerprint(request)


def log_of_one_call() -> list[LogEntry]:
    return [("d", message) for message in recorded_call("d", 36_000, 48_000)]


LOG = log_of_one_call()


def topic(
    crashes: Sequence[int] = (), *, inference_lag: int = 0, durability_lag: int = 0
) -> list[Message]:
    durable = Durable()
    for messages in (*crashes, None):
        worker = Worker(
            LOG,
            durable,
            machine,
            exact_fingerprint,
            inference_lag=inference_lag,
            durability_lag=durability_lag,
        )
        worker.run(messages=messages)
    assert durable.watermark == len(LOG)
    return deterministic_lane(durable.outputs, ())


@cache
def undisturbed() -> list[Message]:
    return topic()


def test_partials_stand_before_the_final_of_their_segment() -> None:
    ended: set[str] = set()
    partials = 0
    for message in undisturbed():
        if isinstance(message, TranscriptPartial):
            assert message.segment_id not in ended
            partials += 1
        elif isinstance(message, TranscriptFinal):
            ended.add(message.segment_id)

    assert partials >= 20


@pytest.mark.parametrize("inference_lag", [1, 7, 40, 1_000])
def test_slow_inference_changes_not_even_the_order(
    inference_lag: int,
) -> None:
    assert topic(inference_lag=inference_lag) == undisturbed()


@examples(16)
@given(
    crash=st.integers(1, len(LOG) - 1),
    again=st.integers(1, 30),
    inference_lag=st.sampled_from([0, 3, 9]),
    durability_lag=st.sampled_from([0, 4]),
)
def test_the_topic_survives_crashes(
    crash: int, again: int, inference_lag: int, durability_lag: int
) -> None:
    disturbed = topic((crash, again), inference_lag=inference_lag, durability_lag=durability_lag)

    assert disturbed == undisturbed()

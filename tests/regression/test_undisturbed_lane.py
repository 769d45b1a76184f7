"""The lane of the bundled call, pinned: what is done for rough calls changes no other."""

import dataclasses
import hashlib

import msgspec
import numpy as np
import pytest

from models.asr.core.hypothesis import Word
from schemas.codec import encode_json
from schemas.transcripts import TranscriptPartial
from stream_app.calls.transcribe.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.recognition.passages import RevisedHypothesis
from stream_app.calls.transcribe.segmenter import SegmentConfig
from tests.support.calls.partition_log import Durable, Worker, deterministic_lane
from tests.support.calls.recorded_calls import (
    SHORT_SEGMENTS,
    fingerprint,
    recorded_call,
    transcriber,
)

ALONE = SegmentConfig(passage_ms=0, pre_roll_ms=192, post_roll_ms=192)


def measured(request: RecognitionRequest) -> RecognitionResult:
    """Return one word that tells length and level of the audio, alike on every kind of CPU."""
    level = round(100 * float(np.abs(request.samples).mean()))
    text = f"{len(request.samples)}/{level}"
    word = Word(text=text, start_ms=0, end_ms=request.audio_ms, confidence=0.5)
    result = fingerprint(request)
    hypothesis = msgspec.structs.replace(result.hypothesis, text=text, words=(word,))
    revised = tuple(RevisedHypothesis(one.span, hypothesis) for one in result.revised)
    return dataclasses.replace(result, hypothesis=hypothesis, revised=revised)


@pytest.mark.parametrize(
    ("segments", "messages", "digest"),
    [
        pytest.param(ALONE, 704, "f79d422d73af439f", id="segments alone"),
        pytest.param(SegmentConfig(), 704, "af7aeb075fb14333", id="usual segments"),
        pytest.param(SHORT_SEGMENTS, 726, "11c9c7b6b651e864", id="short segments"),
    ],
)
@pytest.mark.parametrize("chunk_ms", [20, 200])
def test_the_lane_of_an_undisturbed_call_stays_what_it_was(
    segments: SegmentConfig, messages: int, digest: str, chunk_ms: int
) -> None:
    log = [("c", message) for message in recorded_call("c", 0, 10**6, chunk_ms=chunk_ms)]
    durable = Durable()

    Worker(log, durable, lambda call, point: transcriber(call, point, segments), measured).run()

    lane = deterministic_lane(durable.outputs, (TranscriptPartial,))
    written = hashlib.sha256(b"\n".join(encode_json(message) for message in lane)).hexdigest()
    assert (len(lane), written[:16]) == (messages, digest)

"""A segment that was cut short by a stall and the one behind it had one id, and other words.

The pre-roll of the second one reached back to where the first had begun; the shell took the two
finals for one, and the recognizer's answers for each other.
"""

import numpy as np
import pytest

from models.vad.front_end import ChannelFrontEnd
from schemas.audio import AudioTopicMessage, CallStalled
from schemas.transcripts import TranscriptFinal
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from tests.support.calls.level_detector import LevelDetector
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import RATE_HZ, call_ended, chunk, fingerprint

CONFIG = TranscriberConfig(
    front_end=lambda rate_hz: ChannelFrontEnd(rate_hz, LevelDetector()),
    segments=SegmentConfig(),
    partial_interval_ms=500,
    model="test-1",
)
STEP = RATE_HZ * 80 // 1000


@pytest.mark.parametrize("cut_short", [2, 3, 4])
def test_segments_before_and_after_a_stall_are_two(cut_short: int) -> None:
    loud = np.random.default_rng(0).uniform(-0.5, 0.5, (STEP * 20, 1)).astype(np.float32)
    chunks = [chunk("c", n, n * STEP, loud[n * STEP : (n + 1) * STEP]) for n in range(20)]
    stalled = CallStalled(
        event_id="s", call_id="c", captured_at_ns=1, after_seq=chunks[cut_short - 1].seq
    )
    log: list[AudioTopicMessage] = [
        *chunks[:cut_short],
        stalled,
        *chunks[cut_short:],
        call_ended("c"),
    ]
    durable = Durable()

    Worker(
        [("c", message) for message in log],
        durable,
        lambda call_id, _: CallTranscriber(call_id, CONFIG),
        fingerprint,
    ).run()

    finals = [message for message in durable.outputs if isinstance(message, TranscriptFinal)]
    assert durable.watermark == len(log)
    assert [final.cut for final in finals] == ["stall", "end"]
    assert finals[0].segment_id != finals[1].segment_id
    assert finals[1].start_ms == cut_short * 80

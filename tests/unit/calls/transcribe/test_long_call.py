"""A call of forty minutes costs at its end what it cost at its beginning, in work and in memory."""

import gc
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

from models.vad.front_end import WARM_UP_MS, ChannelFrontEnd
from schemas.audio import AudioChunk
from schemas.transcripts import TranscriptFinal, TranscriptPartial
from stream_app.calls.effects import Commit, Emit, Infer
from stream_app.calls.transcribe.recognition import RecognitionRequest
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from tests.support.calls.level_detector import LevelDetector
from tests.support.calls.recorded_calls import call_started, fingerprint, recorded_chunks

CHUNK_MS = 200
ROUND_MS = 40_000  # of the bundled call, again and again
ROUNDS = 2_400_000 // ROUND_MS
SEGMENTS = SegmentConfig()
MOST_UNACKNOWLEDGED_MS = (  # a passage, and a segment that began within it and is too long for it
    SEGMENTS.passage_reach_ms + SEGMENTS.max_segment_ms + SEGMENTS.pause_ms + WARM_UP_MS + CHUNK_MS
)
EARLY = 10  # the first rounds fill what has a bound
STATELESS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)


class LongCall:
    """A call's machine, fed round after round; the recognizer answers at once."""

    def __init__(self, *, is_deterministic: bool) -> None:
        config = TranscriberConfig(
            front_end=lambda rate_hz: ChannelFrontEnd(rate_hz, LevelDetector()),
            segments=SEGMENTS,
            partial_interval_ms=500,
            model="test-1",
            is_deterministic=is_deterministic,
        )
        self.machine = CallTranscriber("c", config)
        self.machine.feed(call_started("c"), 0)
        self.round = recorded_chunks("c", 0, ROUND_MS, chunk_ms=CHUNK_MS)
        self.fed = 0
        self.acknowledged = 1
        self.most_unacknowledged = 0
        self.finals = self.partials = 0

    def play_round(self) -> None:
        """Feed the next 40 s."""
        for chunk in self.round:
            seq = self.fed
            self.fed += 1
            self._feed(msgspec.structs.replace(chunk, seq=seq, start_ms=seq * CHUNK_MS))
            unacknowledged = self.fed + 1 - self.acknowledged
            self.most_unacknowledged = max(self.most_unacknowledged, unacknowledged)

    def _feed(self, chunk: AudioChunk) -> None:
        effects = list(self.machine.feed(chunk, chunk.seq + 1))
        while effects:
            effect = effects.pop(0)
            if isinstance(effect, Infer):
                assert isinstance(effect.request, RecognitionRequest)
                effects += self.machine.resolve(fingerprint(effect.request))
            elif isinstance(effect, Commit):
                self.acknowledged += len(effect.offsets)
            elif isinstance(effect, Emit):
                self.finals += isinstance(effect.message, TranscriptFinal)
                self.partials += isinstance(effect.message, TranscriptPartial)


def python_calls(call: LongCall) -> int:
    """Return how many Python functions a round calls: its work on any machine."""
    count = 0

    def note(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        call.play_round()
    finally:
        sys.setprofile(None)
    return count


def reachable(root: object) -> Iterator[object]:
    """Yield every object that a machine alone keeps alive."""
    seen = {id(root)}
    pending = [root]
    while pending:
        each = pending.pop()
        yield each
        referents = gc.get_referents(each)
        if isinstance(each, np.ndarray) and each.base is not None:
            referents.append(each.base)
        for referent in referents:
            if id(referent) not in seen and not isinstance(referent, STATELESS):
                seen.add(id(referent))
                pending.append(referent)


def held_bytes(call: LongCall) -> int:
    """Return the memory of a call's machine."""
    return sum(sys.getsizeof(each) for each in reachable(call.machine))


@pytest.mark.slow
@pytest.mark.parametrize("is_deterministic", [False, True])
def test_neither_work_nor_memory_grows(*, is_deterministic: bool) -> None:
    call = LongCall(is_deterministic=is_deterministic)
    early_calls: list[int] = []
    early_bytes: list[int] = []
    for number in range(ROUNDS):
        if number < EARLY:
            early_calls.append(python_calls(call))
            early_bytes.append(held_bytes(call))
        else:
            call.play_round()

    assert call.finals >= 5 * ROUNDS
    assert call.partials >= 20 * ROUNDS
    assert call.most_unacknowledged <= MOST_UNACKNOWLEDGED_MS // CHUNK_MS
    assert python_calls(call) < 1.05 * max(early_calls)
    assert held_bytes(call) < 1.05 * max(early_bytes)
    assert held_bytes(call) < 2_000_000

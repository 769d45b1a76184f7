"""pipecat's smart-turn: it listens to the audio itself; an optional dependency.

The rule is pipecat's own: 200 ms of silence ask the model about everything since the turn's speech
began, up to 8 s of it; if the turn is incomplete, either more speech comes and the next silence
asks again, or 3 s later the turn ends anyhow. What pipecat waits for after that, a transcript, is
left out. The voice activity is that of the other systems. The model was made for human voices: how
synthetic ones sound at the end of a sentence may tell it less.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import soxr

from benchmarks.core.optional import optional_module
from benchmarks.turn_timing.calls.truth import RATE_HZ, TimedCall
from benchmarks.turn_timing.systems.score import Decision
from benchmarks.turn_timing.systems.silence import SpeechStretch, silence_moment, speech_stretches
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from schemas.errors import ConfigurationError
from schemas.transcripts import TranscriptTopicMessage

VAD_STOP_MS = 200
FALLBACK_MS = 3_000  # counted from the voice activity's stop, as pipecat does
PRE_SPEECH_MS = 500 + 200
WINDOW_MS = 8_000
PIPECAT_THRESHOLD = 0.5
INSTALL = "pip install --no-deps pipecat-ai && pip install loguru wait_for2"


class AudioJudge(Protocol):
    """Judges a stretch of 16 kHz audio."""

    name: str

    def probability(self, samples: FloatArray) -> float:
        """Return the probability that its speaker has finished, 0 to 1."""
        ...


class SmartTurn:
    """The model in pipecat's package, with pipecat's own features.

    Raises:
        MissingExtraError: pipecat is not installed.
    """

    def __init__(self) -> None:
        _optional("loguru").logger.disable("pipecat")
        version = _optional("pipecat").version()
        package = _optional("pipecat.audio.turn.smart_turn.local_smart_turn_v3")
        self.name = f"smart-turn v3 (pipecat {version})"
        self.file_name = f"smart-turn-{version}"
        self._analyzer = package.LocalSmartTurnAnalyzerV3(sample_rate=SAMPLE_RATE_HZ)

    def probability(self, samples: FloatArray) -> float:
        """Return the probability that the speaker of 16 kHz audio has finished."""
        return float(self._analyzer._predict_endpoint(samples)["probability"])  # noqa: SLF001


class SmartTurnCalls:
    """What smart-turn decides on recorded calls; each stretch of audio is judged once.

    Args:
        judge: The model.
        cache: File that keeps probabilities between runs; None keeps none.
    """

    def __init__(self, judge: AudioJudge, cache: Path | None = None) -> None:
        self.name = judge.name
        self._judge = judge
        self._cache = cache
        self._known: dict[str, float] = {}
        self.wall_ms: list[float] = []
        if cache is not None and cache.is_file():
            self._known = orjson.loads(cache.read_bytes())

    def save(self) -> None:
        """Write the cache."""
        if self._cache is not None:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            self._cache.write_bytes(orjson.dumps(self._known))

    def decisions(
        self, call: TimedCall, lane: Sequence[TranscriptTopicMessage], *, threshold: float
    ) -> list[Decision]:
        """Return the ends of turns of a call at a threshold of the probability."""
        if call.audio is None:
            raise ConfigurationError(f"{call.name} has no audio for smart-turn")
        found = []
        for channel in range(len(call.parties)):
            stretches = speech_stretches(lane, channel)
            moments = self._moments(call, channel, stretches, threshold)
            found += [Decision(channel, at_ms) for at_ms in moments]
        return found

    def _moments(
        self, call: TimedCall, channel: int, stretches: Sequence[SpeechStretch], threshold: float
    ) -> list[int]:
        moments: list[int] = []
        begin_ms: int | None = None
        for number, stretch in enumerate(stretches):
            if begin_ms is None:
                begin_ms = stretch.started_at_ms - PRE_SPEECH_MS
            at_ms = silence_moment(stretches, number, VAD_STOP_MS)
            if at_ms is None:
                continue
            begin_ms = max(begin_ms, moments[-1] if moments else 0, 0)
            if self._probability(call, channel, (begin_ms, at_ms)) <= threshold:
                at_ms = silence_moment(stretches, number, at_ms + FALLBACK_MS - stretch.end_ms)
            if at_ms is not None:
                moments.append(at_ms)
                begin_ms = None
        return moments

    def _probability(self, call: TimedCall, channel: int, span_ms: tuple[int, int]) -> float:
        start_ms, end_ms = max(span_ms[0], span_ms[1] - WINDOW_MS), span_ms[1]
        assert call.audio is not None
        heard = call.audio[start_ms * RATE_HZ // 1000 : end_ms * RATE_HZ // 1000, channel]
        key = hashlib.blake2b(np.ascontiguousarray(heard).tobytes(), digest_size=10).hexdigest()
        if key not in self._known:
            wide = np.asarray(soxr.resample(heard, RATE_HZ, SAMPLE_RATE_HZ, "HQ"), np.float32)
            start_s = time.perf_counter()
            self._known[key] = self._judge.probability(wide)
            self.wall_ms.append(1000 * (time.perf_counter() - start_s))
        return self._known[key]


def _optional(name: str) -> Any:
    return optional_module(name, "smart-turn", INSTALL)

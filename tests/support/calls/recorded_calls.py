"""Messages of recorded calls, and a recognizer whose words are a fingerprint of its audio."""

import hashlib
from functools import cache
from importlib.resources import files

import numpy as np
import soundfile

from models.asr.core.hypothesis import Hypothesis, Word
from models.audio.g711 import encode_mulaw
from models.audio.samples import FloatArray
from models.vad.front_end import Detectors
from schemas.audio import AudioChunk, AudioTopicMessage, CallEnded, CallStarted
from schemas.operations import Checkpoint
from stream_app.calls.transcribe.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.recognition.passages import RevisedHypothesis
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig

RATE_HZ = 8_000
SHORT_SEGMENTS = SegmentConfig(
    max_segment_ms=3_000,
    cut_window_ms=1_000,
    rebuild_silence_ms=2_000,
    passage_ms=6_000,
    passage_reach_ms=8_000,
)


@cache
def detectors() -> Detectors:
    """Return the bundled VAD, loaded once."""
    return Detectors()


@cache
def demo_audio() -> FloatArray:
    """Return the bundled call, shape (n_samples, 2), 8 kHz."""
    path = files("stream_app") / "assets" / "demo_call" / "call.wav"
    with path.open("rb") as file:
        samples, rate_hz = soundfile.read(file, dtype="float32")
    assert rate_hz == RATE_HZ
    return np.asarray(samples, dtype=np.float32)


def chunk(call_id: str, seq: int, start: int, audio: FloatArray) -> AudioChunk:
    """Return the message of 8 kHz audio, shape (n_samples, n_channels), from sample ``start``."""
    return AudioChunk(
        event_id=f"{call_id}/chunk/{seq}",
        call_id=call_id,
        captured_at_ns=start + 1,
        seq=seq,
        start_ms=start * 1000 // RATE_HZ,
        encoding="mulaw",
        sample_rate_hz=RATE_HZ,
        payloads=tuple(encode_mulaw(np.ascontiguousarray(channel)) for channel in audio.T),
    )


def call_started(call_id: str) -> CallStarted:
    """Return the start of a call of an agent and a customer."""
    return CallStarted(
        event_id=f"{call_id}/started",
        call_id=call_id,
        captured_at_ns=1,
        parties=("agent", "customer"),
        encoding="mulaw",
        sample_rate_hz=RATE_HZ,
    )


def call_ended(call_id: str) -> CallEnded:
    """Return the regular end of a call."""
    return CallEnded(event_id=f"{call_id}/ended", call_id=call_id, captured_at_ns=1)


def recorded_chunks(
    call_id: str, start_ms: int, end_ms: int, *, chunk_ms: int = 100
) -> list[AudioChunk]:
    """Return the chunks of a stretch of the bundled call."""
    audio = demo_audio()[start_ms * RATE_HZ // 1000 : end_ms * RATE_HZ // 1000]
    step = chunk_ms * RATE_HZ // 1000
    return [
        chunk(call_id, seq, start, audio[start : start + step])
        for seq, start in enumerate(range(0, len(audio), step))
    ]


def recorded_call(
    call_id: str, start_ms: int, end_ms: int, *, chunk_ms: int = 100
) -> list[AudioTopicMessage]:
    """Return the messages of a stretch of the bundled call, as a call of its own."""
    chunks = recorded_chunks(call_id, start_ms, end_ms, chunk_ms=chunk_ms)
    return [call_started(call_id), *chunks, call_ended(call_id)]


def fingerprint(request: RecognitionRequest) -> RecognitionResult:
    """Return one word that differs whenever a single sample differs."""
    heard = request.context.tobytes() + request.samples.tobytes()
    digest = hashlib.blake2b(heard, digest_size=6).hexdigest()
    word = Word(text=digest, start_ms=0, end_ms=request.audio_ms, confidence=0.5)
    hypothesis = Hypothesis(
        text=digest,
        words=(word,),
        avg_log_probability=-0.1,
        no_speech_probability=0.0,
        compression_ratio=1.0,
        language=request.language,
    )
    return RecognitionResult(
        request=request,
        hypothesis=hypothesis,
        rejected="",
        model="test-1",
        revised=tuple(RevisedHypothesis(span, hypothesis) for span in request.passage),
    )


def transcriber(
    call_id: str,
    checkpoint: Checkpoint | None = None,
    segments: SegmentConfig = SHORT_SEGMENTS,
    *,
    languages: tuple[str, ...] = (),
    withholds_words: bool = False,
) -> CallTranscriber:
    """Return a call's machine on the real front end, with short segments by default."""
    config = TranscriberConfig(
        front_end=detectors().front_end,
        segments=segments,
        partial_interval_ms=500,
        model="test-1",
        languages=languages,
        withholds_words=withholds_words,
    )
    if checkpoint is not None:
        return CallTranscriber.restore(checkpoint, config)
    return CallTranscriber(call_id, config)

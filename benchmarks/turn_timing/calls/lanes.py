"""What `transcribe` makes of a call's audio: its messages in their order, recorded once.

The real state machine, voice activity detection and recognizer hear every call, partials kept in
their place, so that every system that ends turns runs on the same messages.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from benchmarks.core.reference import TrueWord
from benchmarks.turn_timing.calls.truth import RATE_HZ, TimedCall
from models.asr.decoding.whisper_engine import WhisperEngine
from models.audio.g711 import encode_mulaw
from models.audio.samples import FloatArray
from models.vad.front_end import Detectors
from schemas.audio import AudioChunk, AudioTopicMessage, CallEnded, CallStarted
from schemas.codec import decode_json, encode_json
from schemas.errors import CallstreamError
from schemas.transcripts import (
    TranscriptFinal,
    TranscriptPartial,
    TranscriptTopicMessage,
    Word,
)
from stream_app.agents.transcribe import segment_config
from stream_app.calls.effects import Effect, Emit, Infer
from stream_app.calls.transcribe.recognition import RecognitionRequest, recognize
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from stream_app.settings import Settings

CHUNK = RATE_HZ // 10  # samples: 100 ms, as gateways send
RECORDING_VERSION = 1  # part of every cached lane's name

Lane = list[TranscriptTopicMessage]
TextT = TypeVar("TextT", TranscriptFinal, TranscriptPartial)


class LaneRecorder:
    """Turns calls into lanes, or finds them where an earlier run left them.

    Args:
        engine: The recognizer.
        config: Of `transcribe`; partials keep their place only if it is deterministic.
        cache: Folder of recorded lanes; None records every time.
    """

    def __init__(
        self, engine: WhisperEngine, config: TranscriberConfig, cache: Path | None = None
    ) -> None:
        self._engine = engine
        self._config = config
        self._cache = cache

    def record(self, call: TimedCall) -> Lane:
        """Return the messages of the transcripts topic for a call.

        Raises:
            CallstreamError: It has no audio, or that cannot be recognised.
        """
        if call.audio is None:
            raise CallstreamError(f"{call.name} has no audio")
        if self._cache is None:
            return self._transcribe(call, call.audio)
        path = self._cache / f"{call.name}-{self._digest(call.audio)}.jsonl"
        if not path.is_file():
            lane = self._transcribe(call, call.audio)
            self._cache.mkdir(parents=True, exist_ok=True)
            written = path.with_suffix(".part")
            written.write_bytes(b"".join(encode_json(message) + b"\n" for message in lane))
            written.replace(path)
        lines = path.read_bytes().splitlines()
        return [decode_json(line, TranscriptTopicMessage) for line in lines]

    def _digest(self, audio: FloatArray) -> str:
        config = self._config
        what = repr(
            (RECORDING_VERSION, self._engine.name, config.segments, config.partial_interval_ms)
        )
        content = hashlib.blake2b(what.encode(), digest_size=8)
        content.update(np.ascontiguousarray(audio).tobytes())
        return content.hexdigest()

    def _transcribe(self, call: TimedCall, audio: FloatArray) -> Lane:
        machine = CallTranscriber(call.name, self._config)
        lane: Lane = []
        for offset, message in enumerate(audio_messages(call, audio)):
            lane += self._carry_out(machine, machine.feed(message, offset))
        return lane

    def _carry_out(self, machine: CallTranscriber, effects: Sequence[Effect]) -> Lane:
        """Return what is emitted; every request is answered at once."""
        lane: Lane = []
        waiting = list(effects)
        while waiting:
            effect = waiting.pop(0)
            if isinstance(effect, Emit):
                lane.append(effect.message)  # type: ignore[arg-type]  # transcribe emits no other
            elif isinstance(effect, Infer) and isinstance(effect.request, RecognitionRequest):
                (result,) = recognize([effect.request], self._engine)
                waiting += machine.resolve(result)
        return lane


def audio_messages(call: TimedCall, audio: FloatArray) -> list[AudioTopicMessage]:
    """Return a call as gateways send it: mu-law, both channels in each chunk."""
    started = CallStarted(
        event_id=f"{call.name}/started",
        call_id=call.name,
        captured_at_ns=1,
        parties=call.parties,
        encoding="mulaw",
        sample_rate_hz=RATE_HZ,
    )
    ended = CallEnded(event_id=f"{call.name}/ended", call_id=call.name, captured_at_ns=1)
    payloads = [encode_mulaw(np.ascontiguousarray(channel)) for channel in audio.T]
    chunks = [
        AudioChunk(
            event_id=f"{call.name}/chunk/{seq}",
            call_id=call.name,
            captured_at_ns=1,
            seq=seq,
            start_ms=start * 1000 // RATE_HZ,
            encoding="mulaw",
            sample_rate_hz=RATE_HZ,
            payloads=tuple(bytes(payload[start : start + CHUNK]) for payload in payloads),
        )
        for seq, start in enumerate(range(0, len(audio), CHUNK))
    ]
    return [started, *chunks, ended]


def recorder(
    engine: WhisperEngine, settings: Settings, *, pause_ms: int, cache: Path | None
) -> LaneRecorder:
    """Return what transcribes calls as a worker does, but for partials that keep their place.

    Args:
        engine: The recognizer.
        settings: Of the worker.
        pause_ms: Silence that ends a segment.
        cache: Folder of recorded lanes; None records every time.
    """
    ours = settings.replace(segments={"pause_ms": pause_ms})
    config = TranscriberConfig(
        front_end=Detectors().front_end,
        segments=segment_config(ours, engine.max_segment_ms),
        partial_interval_ms=settings.asr.partial_interval_ms,
        model=engine.name,
        policy=engine.policy,
        numbers=settings.asr.numbers,
        is_deterministic=True,
    )
    return LaneRecorder(engine, config, cache)


def with_true_words(lane: Lane, call: TimedCall) -> Lane:
    """Return the lane as a recognizer without errors would have written it."""
    said = {number: call.words_of(number) for number in range(len(call.parties))}
    taken: dict[int, int] = dict.fromkeys(said, 0)
    corrected: Lane = []
    for message in lane:
        if isinstance(message, TranscriptFinal):
            until_ms = message.end_ms if message.cut == "limit" else message.at_ms
            first = taken[message.channel]
            words = _until(said[message.channel], first, until_ms)
            taken[message.channel] = first + len(words)
            corrected.append(_reworded(message, words))
        elif isinstance(message, TranscriptPartial):
            heard_ms = message.start_ms + message.revision
            words = _until(said[message.channel], taken[message.channel], heard_ms)
            corrected.append(_reworded(message, words))
        else:
            corrected.append(message)
    return corrected


def _until(words: Sequence[TrueWord], first: int, until_ms: int) -> list[TrueWord]:
    """Return the words from number ``first`` on of which at least half lies before ``until_ms``."""
    return [word for word in words[first:] if (word.start_ms + word.end_ms) // 2 <= until_ms]


def _reworded(message: TextT, words: Sequence[TrueWord]) -> TextT:
    return msgspec.structs.replace(
        message,
        text=" ".join(word.text for word in words),
        words=tuple(
            Word(text=w.text, start_ms=w.start_ms, end_ms=w.end_ms, confidence=1.0) for w in words
        ),
        **({"revised": ()} if isinstance(message, TranscriptFinal) else {}),  # no word was wrong
    )

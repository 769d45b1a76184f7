"""A call through the three state machines, without a broker."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from benchmarks.crosstalk.calls import RATE_HZ
from models.asr.engine import load_engine
from models.asr.partials.policies import choose_policy
from models.audio.g711 import encode_mulaw
from models.audio.samples import FloatArray
from models.vad.front_end import Detectors
from schemas.audio import AudioChunk, AudioTopicMessage, CallEnded, CallStarted
from schemas.base import Parties
from schemas.turns import FinalizedCall
from stream_app.agents.detect_turns import judge, load_models, turn_config
from stream_app.agents.transcribe import segment_config
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Effect, Emit, Infer
from stream_app.calls.finalize.finalizer import CallFinalizer, FinalizeConfig
from stream_app.calls.transcribe.recognition import recognize
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from stream_app.settings import Settings

CHUNK_MS = 100
PARTIES: Parties = ("agent", "customer")


class CallRunner:
    """Finalizes calls with the bundled models and the default settings.

    Args:
        model: Weights of the recognizer.
    """

    def __init__(self, model: str) -> None:
        settings = Settings()
        engine = load_engine(model, threads=1)
        self._engine = engine
        self._turns = turn_config(settings.turns)
        self._models = load_models(settings.turns)
        self._config = TranscriberConfig(
            front_end=Detectors().front_end,
            segments=segment_config(settings, engine.max_segment_ms),
            partial_interval_ms=settings.asr.partial_interval_ms,
            model=engine.name,
            policy=choose_policy("utterance_only", None, calibrated=engine.policy),
            numbers=settings.asr.numbers,
        )

    def finalize(self, name: str, audio: FloatArray) -> FinalizedCall:
        """Return the finalized call of 8 kHz audio, shape (n_samples, n_channels)."""
        transcripts = self._run(CallTranscriber(name, self._config), messages(name, audio))
        turns = self._run(CallTurns(name, self._turns, router=self._models), transcripts)
        (call,) = self._run(CallFinalizer(name, FinalizeConfig()), turns)
        assert isinstance(call, FinalizedCall)
        return call

    def _run(self, machine: CallMachine[Any, Any], inputs: Sequence[msgspec.Struct]) -> list[Any]:
        outputs = []
        for offset, message in enumerate(inputs):
            waiting: list[Effect] = list(machine.feed(message, offset))
            while waiting:
                effect = waiting.pop(0)
                if isinstance(effect, Emit):
                    outputs.append(effect.message)
                elif isinstance(effect, Infer) and effect.request.is_final:  # type: ignore[attr-defined]
                    waiting += machine.resolve(self._answer(effect.request))
        return outputs

    def _answer(self, request: Any) -> Any:
        if hasattr(request, "samples"):
            (result,) = recognize([request], self._engine)
            return result
        return judge([request])[0]


def messages(name: str, audio: FloatArray) -> list[AudioTopicMessage]:
    """Return the messages of a call of mu-law audio."""
    step = RATE_HZ * CHUNK_MS // 1000
    legs = [encode_mulaw(np.ascontiguousarray(leg)) for leg in audio.T]
    started = CallStarted(
        event_id=f"{name}/started",
        call_id=name,
        captured_at_ns=1,
        parties=PARTIES[: len(legs)],
        encoding="mulaw",
        sample_rate_hz=RATE_HZ,
    )
    chunks = [
        AudioChunk(
            event_id=f"{name}/{seq}",
            call_id=name,
            captured_at_ns=1,
            seq=seq,
            start_ms=seq * CHUNK_MS,
            encoding="mulaw",
            sample_rate_hz=RATE_HZ,
            payloads=tuple(bytes(leg[start : start + step]) for leg in legs),
        )
        for seq, start in enumerate(range(0, len(audio), step))
    ]
    ended = CallEnded(event_id=f"{name}/ended", call_id=name, captured_at_ns=1)
    return [started, *chunks, ended]

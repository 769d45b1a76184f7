"""The agent `transcribe` with a recognizer whose words are a fingerprint of its audio.

Everything else is the real thing. It starts without torch, and a single sample more or less in a
segment gives other words. `DEFINITION` takes some milliseconds a decode, `PROMPT_DEFINITION` none.
"""

import hashlib
from collections.abc import Sequence
from unittest.mock import patch

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import DEFAULT_POLICY
from models.asr.core.requests import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from stream_app.agents import transcribe
from stream_app.agents.definition import AgentDefinition
from stream_app.settings import Settings
from tests.support.waiting import simulate_inference

DEFINITION = f"{__name__}:define"
PROMPT_DEFINITION = f"{__name__}:define_prompt"
MAX_SECONDS = 30
WORD_MS = 400
STEPS = 4  # of a decode
DECODE_S = 0.02  # so that there is inference in flight when a worker dies


class FingerprintEngine:
    """A speech engine whose words are a fingerprint of the audio.

    Args:
        decode_s: How long it takes for one request.
    """

    name = "fingerprint-1"
    max_samples = MAX_SECONDS * SAMPLE_RATE_HZ
    max_segment_ms = 0
    languages = ("en", "de")
    policy = DEFAULT_POLICY

    def __init__(self, decode_s: float = DECODE_S) -> None:
        self._decode_s = decode_s

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return a word for each 400 ms, each of which depends on every sample."""
        return self.transcribe_batch([SpeechRequest(samples, options)])[0]

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return one hypothesis for each request, after some steps of each."""
        for request in requests:
            for _ in range(STEPS):
                simulate_inference(self._decode_s / STEPS)
                request.between_steps()
        return [self._heard(request.samples, request.options) for request in requests]

    def _heard(self, samples: FloatArray, options: DecodeOptions) -> Hypothesis:
        duration_ms = len(samples) * 1000 // SAMPLE_RATE_HZ
        digest = hashlib.blake2b(samples.tobytes()).digest()
        words = tuple(
            Word(
                text=hashlib.blake2b(digest, digest_size=4, salt=bytes([n])).hexdigest(),
                start_ms=n * WORD_MS,
                end_ms=min((n + 1) * WORD_MS, duration_ms),
                confidence=digest[n] / 255,
            )
            for n in range(max(1, min(duration_ms // WORD_MS, len(digest))))
        )
        return Hypothesis(
            text=" ".join(word.text for word in words),
            words=words,
            duration_ms=duration_ms,
            avg_log_probability=-0.25,
            compression_ratio=1.0,
            language=options.language or "en",
        )


def define_prompt(settings: Settings) -> AgentDefinition:
    """Return the definition of an agent whose recognizer answers at once."""
    with patch.object(transcribe, "load_engine", lambda *_, **__: FingerprintEngine(0.0)):
        return transcribe.define(settings)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; every other part of it is the product's."""
    with patch.object(transcribe, "load_engine", lambda *_, **__: FingerprintEngine()):
        return transcribe.define(settings)

"""What transcribe asks the recognizer for, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.asr.engine import DecodeOptions, SpeechEngine, SpeechRequest
from models.asr.guards import DEFAULT_GUARDS, GuardConfig, apply_guards
from models.asr.hypothesis import Hypothesis
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.languages import primary_subtag
from schemas.base import Party

FAILED = "failed"  # beside the guards' names: there was no decode to guard


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RecognitionRequest:
    """A stretch of a segment to decode.

    Attributes:
        samples: 16 kHz mono, shape (n_samples,).
        start_ms: Audio clock of the first sample.
        captured_at_ns: Wall clock at which its last speech was captured.
        is_final: A fresh decode of the whole segment; else of what there is so far.
        draft: Tokens of the segment's last partial, for a decode that need not be exact.
        is_exact: The result must not depend on what is decoded beside it.
        domain: Of the call; not for the recognizer, but for who reads the transcript.
        party: Who speaks on the channel, for the same reader.
    """

    call_id: str
    channel: int
    segment_id: str
    samples: FloatArray
    start_ms: int
    captured_at_ns: int
    language: str
    hot_words: tuple[str, ...]
    is_final: bool
    draft: tuple[int, ...] = ()
    is_exact: bool = True
    domain: str = ""
    party: Party = "unknown"

    @property
    def slot(self) -> tuple[str, int]:
        """Return what a newer partial request replaces an older one by."""
        return (self.call_id, self.channel)

    @property
    def identity(self) -> tuple[str, int, bool]:
        """Return what tells it from every other one of its call."""
        return (self.segment_id, self.audio_ms, self.is_final)

    @property
    def place(self) -> str:
        """Return what tells it from every other partial of the call."""
        return f"{self.segment_id}/{self.audio_ms}"

    @property
    def audio_ms(self) -> int:
        """Return the duration of the audio."""
        return len(self.samples) * 1000 // SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionResult:
    """What the recognizer made of a request, word times relative to its first sample.

    Attributes:
        rejected: Name of the guard that took the words away, `FAILED` where the recognizer could
            not run; empty if there was nothing to reject.
        model: Name and version of the weights.
    """

    request: RecognitionRequest
    hypothesis: Hypothesis
    rejected: str
    model: str


def recognize(
    requests: Sequence[RecognitionRequest],
    engine: SpeechEngine,
    guards: GuardConfig = DEFAULT_GUARDS,
) -> list[RecognitionResult]:
    """Return one result for each request; of the exact ones the same audio gives the same one.

    Args:
        requests: To decode.
        engine: Runs the weights.
        guards: Beyond which words are not believed.

    Raises:
        InferenceError: The engine cannot decode a request.
    """
    hypotheses = engine.transcribe_batch([_speech_request(request) for request in requests])
    results = []
    for request, hypothesis in zip(requests, hypotheses, strict=True):
        guarded = apply_guards(hypothesis, request.samples, guards)
        results.append(
            RecognitionResult(
                request=request,
                hypothesis=guarded.hypothesis,
                rejected=guarded.rejected_reason or "",
                model=engine.name,
            )
        )
    return results


def failed_recognition(request: RecognitionRequest, model: str) -> RecognitionResult:
    """Return the result of a request that the recognizer cannot run: no words.

    Args:
        request: That failed.
        model: Name and version of the weights.
    """
    hypothesis = Hypothesis(duration_ms=request.audio_ms, language=primary_subtag(request.language))
    return RecognitionResult(request=request, hypothesis=hypothesis, rejected=FAILED, model=model)


def _speech_request(request: RecognitionRequest) -> SpeechRequest:
    options = DecodeOptions(language=request.language, hot_words=request.hot_words)
    return SpeechRequest(request.samples, options, draft=request.draft, is_exact=request.is_exact)

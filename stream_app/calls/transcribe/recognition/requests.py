"""Requests of a call to the recognizer, and their results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import (
    BEAM_SIZE,
    DecodeOptions,
    SpeechEngine,
    SpeechRequest,
    go_on,
)
from models.asr.guards import DEFAULT_GUARDS, GuardConfig, apply_guards
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, no_samples
from models.languages import primary_subtag
from schemas.base import CallContext, Party
from stream_app.calls.transcribe.recognition.passages import (
    Passage,
    RevisedHypothesis,
    make_passage,
)
from stream_app.calls.transcribe.segmenter.segments import Span

LOOP = "loop"  # a reason beside the guards' names: words are kept, but their repetition was cut
FAILED = "failed"  # another: the recognizer made no hypothesis
CROSSTALK = "crosstalk"  # another: the segment is an echo of another channel
NO_CONTEXT = CallContext()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RecognitionRequest:
    """Audio of a segment to decode.

    Attributes:
        samples: 16 kHz mono, shape (n_samples,).
        start_ms: Audio clock of the first sample.
        captured_at_ns: Wall clock at which its last speech was captured.
        passage: Segments before it that are decoded with it.
        context: Their audio, end to end, 16 kHz mono, shape (n_samples,).
        is_final: A fresh decode of the whole segment; else of its audio so far.
        is_early: The final that will be asked for if a silence goes on; until then a partial.
        is_first: A partial of a segment that has begun and shown no words yet.
        draft: Tokens of the segment's last partial, for a decode that need not be exact.
        is_exact: The result must not depend on what is decoded beside it.
        call_context: Without its hot words; the readers of the transcript use it, the recognizer
            does not.
        party: Who speaks on the channel, for the same readers.
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
    is_early: bool = False
    is_first: bool = False
    draft: tuple[int, ...] = ()
    is_exact: bool = True
    call_context: CallContext = NO_CONTEXT
    party: Party = "unknown"
    passage: tuple[Span, ...] = ()
    context: FloatArray = field(default_factory=no_samples)

    @property
    def slot(self) -> tuple[str, int]:
        """Return what a request shares with the older partials that it replaces."""
        return (self.call_id, self.channel)

    @property
    def identity(self) -> tuple[str, int, bool]:
        """Return what is unique among the requests of its call; an early final has the final's."""
        return (self.segment_id, self.audio_ms, self.is_final or self.is_early)

    @property
    def partial_id(self) -> str:
        """Return what is unique to it among the partials of its call."""
        return f"{self.segment_id}/{self.audio_ms}"

    @property
    def is_kept(self) -> bool:
        """Return whether it is a partial of a deterministic lane: no newer one replaces it."""
        return self.is_exact and not (self.is_final or self.is_early)

    def is_early_form_of(self, final: "RecognitionRequest") -> bool:
        """Return whether a final asks for what this early one did, so that results are equal."""
        return (
            self.is_early
            and final.is_final
            and self.identity == final.identity
            and (self.language, self.hot_words) == (final.language, final.hot_words)
            and self.passage == final.passage
            and np.array_equal(self.samples, final.samples)
            and np.array_equal(self.context, final.context)
        )

    @property
    def end_ms(self) -> int:
        """Return the audio clock at the end of the audio."""
        return self.start_ms + self.audio_ms

    @property
    def cost(self) -> int:
        """Return the duration of the audio that is decoded (ms)."""
        return self.audio_ms + self.context_ms

    @property
    def audio_ms(self) -> int:
        """Return the duration of the audio."""
        return len(self.samples) * 1000 // SAMPLE_RATE_HZ

    @property
    def context_ms(self) -> int:
        """Return the duration of the audio before it that is decoded with it."""
        return len(self.context) * 1000 // SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionResult:
    """The hypothesis for a request, word times relative to its first sample.

    Attributes:
        rejected: Name of the guard that took the words away, `FAILED` where the recognizer could
            not run, `CROSSTALK` where it need not; empty where the words are kept.
        guard: Name of the guard that took words away or cut them; empty if none did.
        model: Name and version of the weights.
        revised: Earlier segments of the passage, as they are heard with this one.
    """

    request: RecognitionRequest
    hypothesis: Hypothesis
    rejected: str
    model: str
    guard: str = ""
    revised: tuple[RevisedHypothesis, ...] = ()


def recognize(
    requests: Sequence[RecognitionRequest],
    engine: SpeechEngine,
    guards: GuardConfig = DEFAULT_GUARDS,
    *,
    beam_size: int = BEAM_SIZE,
    between_steps: Callable[[], None] = go_on,
) -> list[RecognitionResult]:
    """Return one result for each request; exact requests of the same audio have equal results.

    A segment is decoded with its passage. Where the guards object to what comes out, it is decoded
    alone, and the earlier segments stay as they were heard.

    Args:
        requests: To decode.
        engine: Runs the weights.
        guards: Limits beyond which words are rejected.
        beam_size: Most hypotheses that a final is searched with.
        between_steps: Called between two steps of a final or its early form; what it raises ends
            them all.

    Raises:
        InferenceError: The engine cannot decode a request.
    """
    passages = [make_passage(r.passage, r.context, r.samples, guards) for r in requests]
    search = _Search(beam_size, between_steps)
    decoded = engine.transcribe_batch(
        [
            search.of(request, passage.samples if passage else request.samples)
            for request, passage in zip(requests, passages, strict=True)
        ]
    )
    results = [
        _of_passage(request, passage, hypothesis, engine.name, guards)
        if passage
        else _of_segment(request, hypothesis, engine.name, guards)
        for request, passage, hypothesis in zip(requests, passages, decoded, strict=True)
    ]
    alone = [n for n, result in enumerate(results) if result is None]
    if alone:
        again = [search.of(requests[n], requests[n].samples) for n in alone]
        for n, hypothesis in zip(alone, engine.transcribe_batch(again), strict=True):
            results[n] = _of_segment(requests[n], hypothesis, engine.name, guards)
    return [result for result in results if result is not None]


def failed_recognition(request: RecognitionRequest, model: str) -> RecognitionResult:
    """Return the result of a request that the recognizer cannot run: no words.

    Args:
        request: That failed.
        model: Name and version of the weights.
    """
    return _without_words(request, model, FAILED)


def crosstalk_recognition(request: RecognitionRequest, model: str) -> RecognitionResult:
    """Return the result of a segment that is crosstalk: no words, and it counts as a guard's.

    Args:
        request: Which need not be run.
        model: Name and version of the weights.
    """
    return replace(_without_words(request, model, CROSSTALK), guard=CROSSTALK)


def _without_words(request: RecognitionRequest, model: str, reason: str) -> RecognitionResult:
    hypothesis = Hypothesis(duration_ms=request.audio_ms, language=primary_subtag(request.language))
    return RecognitionResult(request=request, hypothesis=hypothesis, rejected=reason, model=model)


@dataclass(frozen=True, slots=True)
class _Search:
    """How finals and their early forms are searched."""

    beam_size: int
    between_steps: Callable[[], None]

    def of(self, request: RecognitionRequest, audio: FloatArray) -> SpeechRequest:
        """Return what the engine is asked for a request; partials are not searched."""
        is_whole = request.is_final or request.is_early
        options = DecodeOptions(
            language=request.language,
            hot_words=request.hot_words,
            beam_size=self.beam_size if is_whole else 1,
        )
        return SpeechRequest(
            audio,
            options,
            draft=request.draft,
            is_exact=request.is_exact,
            between_steps=self.between_steps if is_whole else go_on,
        )


def _of_segment(
    request: RecognitionRequest, decoded: Hypothesis, model: str, guards: GuardConfig
) -> RecognitionResult:
    guarded = apply_guards(decoded, request.samples, guards)
    rejected = guarded.rejected_reason or ""
    is_cut = guarded.hypothesis is not decoded
    return RecognitionResult(
        request=request,
        hypothesis=guarded.hypothesis,
        rejected=rejected,
        model=model,
        guard=rejected or (LOOP if is_cut else ""),
    )


def _of_passage(
    request: RecognitionRequest,
    passage: Passage,
    decoded: Hypothesis,
    model: str,
    guards: GuardConfig,
) -> RecognitionResult | None:
    """Return the result of a segment with its passage; None if it is to be decoded alone."""
    accepted = passage.accepted(decoded, guards)
    if accepted is None:
        return None
    *earlier, own = accepted
    return RecognitionResult(
        request=request,
        hypothesis=own,
        rejected="",
        model=model,
        revised=tuple(map(RevisedHypothesis, passage.spans, earlier)),
    )

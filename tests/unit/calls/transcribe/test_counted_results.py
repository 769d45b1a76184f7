"""What guards and lateness did to a call's results is counted."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.guards import DEFAULT_GUARDS, apply_guards
from schemas.transcripts import TranscriptFinal
from stream_app.calls.effects import Emit, Infer
from stream_app.calls.transcribe.recognition import (
    RecognitionRequest,
    RecognitionResult,
    failed_recognition,
    recognize,
)
from stream_app.calls.transcribe.transcriber import CallTranscriber
from tests.support.calls.echoed_calls import call_of, same_mix, stretch
from tests.support.calls.recorded_calls import fingerprint, recorded_call, transcriber

BEHIND_ANY_CONTEXT_MS = 30_000


class Engine:
    """Says the same text whatever it hears."""

    name = "test-1"

    def __init__(self, text: str, *, log_probability: float = -0.1) -> None:
        times = {"start_ms": BEHIND_ANY_CONTEXT_MS, "end_ms": BEHIND_ANY_CONTEXT_MS}
        words = [Word(text=word, confidence=0.9, **times) for word in text.split()]
        self._hypothesis = Hypothesis(
            text=text,
            words=tuple(words),
            duration_ms=60_000,
            avg_log_probability=log_probability,
        )

    def transcribe_batch(self, requests: list[object]) -> list[Hypothesis]:
        """Return the text for each request."""
        return [self._hypothesis] * len(requests)


def counted(recognizer: Callable[[RecognitionRequest], RecognitionResult]) -> CallTranscriber:
    """Return a call after twelve seconds, all of whose requests were answered at once.

    Early finals are left alone: what is heard in them would count twice.
    """
    call = transcriber("c")
    for offset, message in enumerate(recorded_call("c", 0, 12_000)):
        for effect in call.feed(message, offset):
            if isinstance(effect, Infer) and not effect.is_early:
                assert isinstance(effect.request, RecognitionRequest)
                call.resolve(recognizer(effect.request))
    return call


@pytest.mark.parametrize(
    ("engine", "guard"),
    [
        (Engine("thank you", log_probability=-5.0), "improbable"),
        (Engine("no " * 40), "loop"),
        (Engine("hello there"), None),
    ],
)
def test_what_a_guard_refuses_or_cuts_is_counted_by_its_name(
    engine: Engine, guard: str | None
) -> None:
    asked: Counter[bool] = Counter()

    def recognizer(request: RecognitionRequest) -> RecognitionResult:
        asked[request.is_final] += 1
        (result,) = recognize([request], engine)  # type: ignore[arg-type]
        return result

    guarded = counted(recognizer).counters.guarded

    assert min(asked.values()) > 1
    wanted = {(guard, "final"): asked[True], (guard, "partial"): asked[False]}
    assert guarded == (wanted if guard else {})


def test_finals_that_are_crosstalk_are_counted_with_what_guards_refuse() -> None:
    """The same mix on two legs: what is known too late of the second one is no final."""
    call, refused = transcriber("c"), 0
    messages = call_of("c", same_mix(stretch(20_000, 32_000)), chunk_ms=200)
    for offset, message in enumerate(messages):
        waiting = list(call.feed(message, offset))
        while waiting:
            effect = waiting.pop(0)
            if isinstance(effect, Infer) and isinstance(effect.request, RecognitionRequest):
                waiting += call.resolve(fingerprint(effect.request))
            elif isinstance(effect, Emit) and isinstance(effect.message, TranscriptFinal):
                refused += effect.message.rejected == "crosstalk"

    assert call.counters.guarded == {("crosstalk", "final"): refused}
    assert refused


def test_a_request_that_failed_fired_no_guard() -> None:
    """The agent counts it already."""
    call = counted(lambda request: failed_recognition(request, "test-1"))

    assert call.counters.guarded == {}


def test_a_loop_is_told_from_a_refusal() -> None:
    loop = apply_guards(Engine("no " * 40)._hypothesis, np.ones(160, np.float32), DEFAULT_GUARDS)

    assert loop.rejected_reason is None
    assert len(loop.hypothesis.words) == 1


def test_partials_that_come_after_their_segment_are_counted() -> None:
    call, late = transcriber("c"), []
    for offset, message in enumerate(recorded_call("c", 0, 12_000)):
        for effect in call.feed(message, offset):
            if isinstance(effect, Infer) and isinstance(effect.request, RecognitionRequest):
                if effect.is_urgent:
                    call.resolve(fingerprint(effect.request))
                elif not effect.is_early:  # its words come with the final
                    late.append(effect.request)

    for request in late:
        call.resolve(fingerprint(request))

    assert call.counters.outdated_partials == len(late) > 1

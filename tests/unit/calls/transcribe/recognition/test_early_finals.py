"""A final is decoded in the silence before its pause is known, and is the same then."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.requests import SpeechRequest
from schemas.transcripts import TranscriptFinal, TranscriptPartial
from stream_app.calls.effects import Effect, Emit, Infer
from stream_app.calls.transcribe.recognition import (
    RecognitionRequest,
    RecognitionResult,
    Recognizer,
    failed_recognition,
)
from stream_app.calls.transcribe.recognition.channel_partials import FIRST_WORDS_WITHIN_MS
from stream_app.calls.transcribe.recognition.early_finals import REMEMBERED
from stream_app.calls.transcribe.transcriber import CallTranscriber
from tests.property.calls.test_deterministic_partials import CONFIG
from tests.support.calls.recorded_calls import fingerprint, recorded_call, transcriber

STRETCH_MS = (20_000, 50_000)  # both parties; in two silences the party goes on to speak


class Played:
    """A call, its messages, and what it asked for."""

    def __init__(
        self,
        call: CallTranscriber,
        answer: Callable[[RecognitionRequest], RecognitionResult | None],
    ) -> None:
        self.call = call
        self.emitted: list[object] = []
        self.asked: list[RecognitionRequest] = []
        self._answer = answer
        for offset, message in enumerate(recorded_call("c", *STRETCH_MS)):
            self._carry_out(call.feed(message, offset))

    def of(self, kind: type) -> list[object]:
        """Return the messages of a kind."""
        return [message for message in self.emitted if isinstance(message, kind)]

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Emit):
                self.emitted.append(effect.message)
            elif isinstance(effect, Infer):
                assert isinstance(effect.request, RecognitionRequest)
                assert effect.is_early == effect.request.is_early
                assert effect.is_first == effect.request.is_first
                assert not (effect.is_early and (effect.is_urgent or effect.is_kept))
                self.asked.append(effect.request)
                result = self._answer(effect.request)
                if result is not None:
                    self._carry_out(self.call.resolve(result))


def never_early(request: RecognitionRequest) -> RecognitionResult | None:
    return None if request.is_early else fingerprint(request)


def test_a_final_that_was_decoded_early_needs_no_other_request_and_is_the_same() -> None:
    early, late = Played(transcriber("c"), fingerprint), Played(transcriber("c"), never_early)

    assert early.of(TranscriptFinal) == late.of(TranscriptFinal)
    finals = len(late.of(TranscriptFinal))
    assert early.call.counters.early_finals == finals - sum(r.is_final for r in early.asked) >= 3
    assert late.call.counters.early_finals == 0
    assert sum(r.is_final for r in late.asked) == finals


def test_silence_that_does_not_become_a_pause_leaves_its_words_to_a_partial() -> None:
    played = Played(transcriber("c"), fingerprint)
    asked = [request for request in played.asked if request.is_early]
    revisions = [(p.segment_id, p.revision) for p in partials(played)]

    assert len(asked) > played.call.counters.early_finals  # some went on to speak
    heard = {(request.segment_id, request.audio_ms) for request in asked}
    assert heard & set(revisions)
    assert len(revisions) == len(set(revisions))
    for before, after in pairwise(revisions):
        assert before[0] != after[0] or before[1] < after[1]


def partials(played: Played) -> Iterator[TranscriptPartial]:
    return (each for each in played.emitted if isinstance(each, TranscriptPartial))


def test_what_failed_early_is_left_to_the_final() -> None:
    def failing(request: RecognitionRequest) -> RecognitionResult:
        return failed_recognition(request, "test-1") if request.is_early else fingerprint(request)

    played = Played(transcriber("c"), failing)

    assert played.call.counters.early_finals == 0
    assert played.of(TranscriptFinal) == Played(transcriber("c"), never_early).of(TranscriptFinal)


def test_a_deterministic_call_decodes_nothing_early() -> None:
    played = Played(CallTranscriber("c", CONFIG), fingerprint)

    assert played.of(TranscriptFinal)
    assert not any(request.is_early for request in played.asked)


class Counting:
    """An engine that says how much it heard, and counts what it decoded."""

    name = "test-1"

    def __init__(self) -> None:
        self.decoded = 0

    def transcribe_batch(self, requests: list[SpeechRequest]) -> list[Hypothesis]:
        """Return one word a request, after two steps of each."""
        self.decoded += len(requests)
        for request in requests:
            request.between_steps()
            request.between_steps()
        return [_heard(request) for request in requests]


def _heard(request: SpeechRequest) -> Hypothesis:
    text = str(len(request.samples))
    word = Word(text=text, start_ms=0, end_ms=100, confidence=0.5)
    return Hypothesis(text=text, words=(word,), duration_ms=1_000, avg_log_probability=-0.1)


def asked_for(**changes: object) -> RecognitionRequest:
    values = {
        "call_id": "c",
        "channel": 0,
        "segment_id": "c/0/0",
        "samples": np.ones(16_000, np.float32),
        "start_ms": 0,
        "captured_at_ns": 7,
        "language": "en",
        "hot_words": (),
        "is_final": True,
    } | changes
    return RecognitionRequest(**values)  # type: ignore[arg-type]


def test_a_final_asked_for_while_its_audio_is_decoded_is_not_decoded_again() -> None:
    engine = Counting()
    recognizer = Recognizer(engine)  # type: ignore[arg-type]
    final, other = asked_for(), asked_for(segment_id="c/1/0", channel=1)

    recognizer.run([replace(final, is_final=False, is_early=True)])
    first, second = recognizer.run([final, other])

    assert engine.decoded == 2
    assert first.request is final
    assert second.request is other
    assert first.hypothesis == second.hypothesis


def test_a_final_that_asks_for_anything_else_is_decoded() -> None:
    early = asked_for(is_final=False, is_early=True)
    louder = np.full(16_000, 2, np.float32)
    for changes in ({"language": "sw"}, {"hot_words": ("Ada",)}, {"samples": louder}):
        engine = Counting()
        recognizer = Recognizer(engine)  # type: ignore[arg-type]
        recognizer.run([early])
        recognizer.run([asked_for(**changes)])

        assert engine.decoded == 2


def of_channel(number: int, **changes: object) -> RecognitionRequest:
    return asked_for(segment_id=f"c/{number}/0", channel=number, **changes)


def early_of_channel(number: int) -> RecognitionRequest:
    return of_channel(number, is_final=False, is_early=True)


def test_what_is_run_between_an_early_final_and_its_final_is_no_matter() -> None:
    engine = Counting()
    recognizer = Recognizer(engine)  # type: ignore[arg-type]
    recognizer.run([early_of_channel(0)])
    for number in range(1, 9):
        recognizer.run([of_channel(number), of_channel(number, is_final=False, is_exact=False)])

    (result,) = recognizer.run([of_channel(0)])

    assert engine.decoded == 17
    assert result.request.is_final


def test_only_the_last_early_finals_are_remembered() -> None:
    """Their audio takes memory."""
    engine = Counting()
    recognizer = Recognizer(engine)  # type: ignore[arg-type]
    for number in range(REMEMBERED + 1):
        recognizer.run([early_of_channel(number)])

    recognizer.run([of_channel(number) for number in range(1, REMEMBERED + 1)])
    assert engine.decoded == REMEMBERED + 1

    recognizer.run([of_channel(0)])
    assert engine.decoded == REMEMBERED + 2


def test_runs_within_an_early_one_make_the_recognizer_forget_nothing() -> None:
    """Neither the early final that is being decoded nor the one before it."""
    engine = Counting()
    recognizer = Recognizer(engine)  # type: ignore[arg-type]
    recognizer.run([early_of_channel(0)])
    within: list[RecognitionResult] = []

    def between_steps() -> None:
        if not within:
            within.extend(recognizer.run([of_channel(2, is_final=False, is_exact=False)]))
            within.extend(recognizer.run([of_channel(0)]))

    recognizer.run([early_of_channel(1)], between_steps)
    (final,) = recognizer.run([of_channel(1)])

    assert engine.decoded == 3
    assert [result.request.channel for result in (*within, final)] == [2, 0, 1]


def test_finals_and_their_early_forms_have_steps_and_partials_have_none() -> None:
    counted: list[bool] = []

    def run(request: RecognitionRequest) -> int:
        counted.clear()
        recognizer = Recognizer(Counting())  # type: ignore[arg-type]
        recognizer.run([request], lambda: counted.append(True))
        return len(counted)

    assert run(asked_for()) == run(early_of_channel(0)) == 2
    assert run(asked_for(is_final=False)) == 0
    assert run(asked_for(is_final=False, is_exact=False)) == 0


@pytest.mark.parametrize("has_words", [True, False])
def test_no_partial_is_asked_for_in_a_silence_whose_final_is_decoded_early(
    has_words: bool,
) -> None:
    """It would take the place of that, to hear the same words."""
    config = replace(CONFIG, is_deterministic=False, partial_interval_ms=64)
    call = CallTranscriber("c", config)
    ends_ms: list[int | None] = []

    def answer(request: RecognitionRequest) -> RecognitionResult:
        if not (request.is_final or request.is_early):
            ends_ms.append(call._channels[request.channel].segmenter.foreseen_end_ms)
        result = fingerprint(request)
        is_heard = has_words or request.is_final
        return result if is_heard else replace(result, hypothesis=Hypothesis(language="en"))

    played = Played(call, answer)

    assert sum(request.is_early for request in played.asked) >= 5
    assert len(ends_ms) >= 100
    assert set(ends_ms) == {None}


@pytest.mark.parametrize("has_words", [True, False])
def test_the_first_partials_of_a_segment_are_marked_until_there_are_words(has_words: bool) -> None:
    def answer(request: RecognitionRequest) -> RecognitionResult:
        result = fingerprint(request)
        is_heard = has_words or request.is_final
        return result if is_heard else replace(result, hypothesis=Hypothesis(language="en"))

    played = Played(transcriber("c"), answer)
    partials_asked = [r for r in played.asked if not (r.is_final or r.is_early)]
    seen: set[str] = set()

    assert not any(r.is_first for r in played.asked if r.is_final or r.is_early)
    for request in partials_asked:
        is_young = request.audio_ms <= FIRST_WORDS_WITHIN_MS
        assert request.is_first == (is_young and not (has_words and request.segment_id in seen))
        seen.add(request.segment_id)
    assert 3 <= sum(r.is_first for r in partials_asked) < len(partials_asked)
    deterministic = Played(CallTranscriber("c", CONFIG), fingerprint)
    assert not any(request.is_first for request in deterministic.asked)

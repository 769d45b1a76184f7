"""What a call and the settings say reaches the decoder, and what it heard reaches the messages."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import DEFAULT_POLICY
from models.asr.core.requests import BEAM_SIZE, DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from schemas.audio import AudioTopicMessage
from schemas.base import CallContext
from schemas.transcripts import CallTranscribed, TranscriptFinal, TranscriptPartial
from stream_app.agents import transcribe
from stream_app.agents.definition import AgentDefinition, Stepwise
from stream_app.calls.effects import Infer
from stream_app.calls.inference import Failed
from stream_app.calls.transcribe.recognition import RecognitionRequest
from stream_app.settings import Settings
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import call_started, demo_audio, recorded_call

CONTEXT = CallContext(language="de", domain="helpline", hot_words=("Grünwald", "Vertragsnummer"))
HEARD = ("call", "extension", "four", "two", "one,", "twenty", "three", "times")


class RecordingEngine:
    """A speech engine that notes what it was asked and always hears the same words."""

    name = "recording-1"
    max_samples = 30 * SAMPLE_RATE_HZ
    max_segment_ms = 0
    languages = ("en", "de")
    policy = DEFAULT_POLICY

    def __init__(self) -> None:
        self.asked: list[SpeechRequest] = []

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return the words, 100 ms each."""
        words = tuple(
            Word(text=text, start_ms=100 * n, end_ms=100 * n + 100, confidence=0.5)
            for n, text in enumerate(HEARD)
        )
        return Hypothesis(
            text=" ".join(HEARD),
            words=words,
            duration_ms=len(samples) * 1000 // SAMPLE_RATE_HZ,
            avg_log_probability=-0.2,
            language=options.language or "en",
            tokens=(7, len(self.asked)),
        )

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return one hypothesis for each request, after a step of each."""
        hypotheses = []
        for request in requests:
            self.asked.append(request)
            request.between_steps()
            hypotheses.append(self.transcribe(request.samples, request.options))
        return hypotheses


Play = Callable[..., tuple[RecordingEngine, Durable]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Return what runs a call through the agent, settings of `asr` as given."""

    def play(
        context: CallContext = CONTEXT, crashes: Sequence[int] = (), **asr: object
    ) -> tuple[RecordingEngine, Durable]:
        engine = RecordingEngine()
        monkeypatch.setattr(transcribe, "load_engine", lambda *_, **__: engine)
        definition = transcribe.define(Settings().replace(asr=asr))
        started = msgspec.structs.replace(call_started("c"), context=context)
        messages: list[AudioTopicMessage] = [started, *recorded_call("c", 36_000, 44_000)[1:]]
        log = [("c", message) for message in messages]
        durable = Durable()
        for stop in (*crashes, None):
            worker = Worker(log, durable, machine_of(definition), infer_one(definition))
            worker.run(messages=stop)
        return engine, durable

    return play


def machine_of(definition: AgentDefinition) -> Callable[[str, Any], Any]:
    return lambda call, point: definition.restore(point) if point else definition.create(call)


def infer_one(definition: AgentDefinition) -> Callable[[Any], Any]:
    assert definition.infer is not None
    infer = definition.infer
    return lambda request: infer([request])[0]


def fail_one(definition: AgentDefinition) -> Callable[[Any], Any]:
    return lambda request: definition.fail(request, Failed("no such language"))


def of_type(durable: Durable, kind: type[Any]) -> list[Any]:
    return [message for message in durable.outputs if isinstance(message, kind)]


def test_language_and_hot_words_of_the_call_reach_every_decode(play: Play) -> None:
    engine, durable = play()

    assert of_type(durable, TranscriptFinal)
    assert of_type(durable, TranscriptPartial)
    assert {request.options.language for request in engine.asked} == {"de"}
    assert {request.options.hot_words for request in engine.asked} == {CONTEXT.hot_words}


def test_the_runtime_may_do_something_else_between_the_steps_of_a_final(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transcribe, "load_engine", lambda *_, **__: RecordingEngine())
    model = transcribe.define(Settings()).infer
    final = RecognitionRequest(
        call_id="c",
        channel=0,
        segment_id="c/0/0",
        samples=demo_audio()[:16_000, 0],
        start_ms=0,
        captured_at_ns=1,
        language="en",
        hot_words=(),
        is_final=True,
    )
    steps: list[bool] = []

    assert isinstance(model, Stepwise)
    (result,) = model.run([final], lambda: steps.append(True))

    assert steps == [True]
    assert model([final])[0].hypothesis.text == result.hypothesis.text


def test_they_do_so_after_a_takeover_too(play: Play) -> None:
    """The start of the call lies before the first message that is read again."""
    engine, durable = play(crashes=(60,))

    assert of_type(durable, TranscriptFinal)
    assert {request.options.hot_words for request in engine.asked} == {CONTEXT.hot_words}


def test_the_domain_of_the_call_reaches_every_transcript(play: Play) -> None:
    """After a takeover too; who reads them routes the call by it."""
    _, durable = play(crashes=(60,))

    messages = of_type(durable, TranscriptFinal) + of_type(durable, TranscriptPartial)
    assert {message.domain for message in messages} == {"helpline"}


def test_the_context_of_the_call_reaches_every_final_without_its_hot_words(play: Play) -> None:
    _, durable = play(crashes=(60,))

    finals = of_type(durable, TranscriptFinal)
    assert len(finals) > 1
    assert {final.context for final in finals} == {msgspec.structs.replace(CONTEXT, hot_words=())}


def test_finals_are_exact_and_partials_start_from_the_one_before(play: Play) -> None:
    engine, _ = play()
    finals = [request for request in engine.asked if request.is_exact]
    partials = [request for request in engine.asked if not request.is_exact]

    assert finals
    assert {request.draft for request in finals} == {()}
    with_draft = [request for request in partials if request.draft]
    assert len(with_draft) > len(partials) / 2
    for request in with_draft:
        before = engine.asked[request.draft[-1] - 1].samples
        assert len(before) < len(request.samples)
        half = len(before) // 2  # the edge of what was there is resampled otherwise
        assert np.array_equal(before[:half], request.samples[:half])


def test_deterministic_asks_for_exact_partials_that_nothing_sheds(play: Play) -> None:
    engine, durable = play(deterministic=True)

    assert all(request.is_exact and request.draft == () for request in engine.asked)
    assert len(engine.asked) > len(of_type(durable, TranscriptFinal))


@pytest.mark.parametrize("is_deterministic", [False, True])
def test_segments_that_the_recognizer_cannot_run_come_out_without_words(
    monkeypatch: pytest.MonkeyPatch, *, is_deterministic: bool
) -> None:
    """In their places on the lane, and the call ends as it would have."""
    monkeypatch.setattr(transcribe, "load_engine", lambda *_, **__: RecordingEngine())
    definition = transcribe.define(Settings().replace(asr={"deterministic": is_deterministic}))
    log = [("c", message) for message in recorded_call("c", 36_000, 44_000)]
    heard, failed = Durable(), Durable()
    Worker(log, heard, machine_of(definition), infer_one(definition)).run()

    Worker(log, failed, machine_of(definition), fail_one(definition)).run()

    finals = of_type(failed, TranscriptFinal)
    assert finals
    assert {(final.rejected, final.text, final.words) for final in finals} == {("failed", "", ())}
    assert not of_type(failed, TranscriptPartial)
    places = [(final.event_id, final.lane_seq) for final in of_type(heard, TranscriptFinal)]
    assert [(final.event_id, final.lane_seq) for final in finals] == places
    assert of_type(failed, CallTranscribed) == of_type(heard, CallTranscribed)
    assert failed.acknowledged == heard.acknowledged == set(range(len(log)))


@pytest.mark.parametrize("is_deterministic", [False, True])
def test_what_is_deterministic_neither_stretches_nor_is_shed(
    monkeypatch: pytest.MonkeyPatch, *, is_deterministic: bool
) -> None:
    monkeypatch.setattr(transcribe, "load_engine", lambda *_, **__: RecordingEngine())
    definition = transcribe.define(Settings().replace(asr={"deterministic": is_deterministic}))
    machine = definition.create("c")
    effects = [
        effect
        for offset, message in enumerate(recorded_call("c", 36_000, 40_000))
        for effect in machine.feed(message, offset)
    ]

    partials = [effect for effect in effects if isinstance(effect, Infer) and not effect.is_urgent]
    assert partials
    assert {effect.is_kept for effect in partials} == {is_deterministic}
    assert (definition.pace is None) == is_deterministic


def test_the_utterance_only_policy_asks_for_finals_alone(play: Play) -> None:
    engine, durable = play(policy="utterance_only")

    assert len(engine.asked) == len(of_type(durable, TranscriptFinal))
    assert not of_type(durable, TranscriptPartial)


def test_numbers_stay_as_spoken_by_default(play: Play) -> None:
    _, durable = play(CallContext(language="en"))

    assert {final.text for final in of_type(durable, TranscriptFinal)} == {" ".join(HEARD)}


def test_numbers_are_normalised_in_finals_and_partials(play: Play) -> None:
    _, durable = play(CallContext(language="en"), numbers="normalised")
    written = "call extension 421, 23 times"

    assert {final.text for final in of_type(durable, TranscriptFinal)} == {written}
    for message in of_type(durable, TranscriptFinal) + of_type(durable, TranscriptPartial):
        assert " ".join(word.text for word in message.words) == written
    stable = [partial.stable_words for partial in of_type(durable, TranscriptPartial)]
    assert set(stable) == {0, 3}  # what follows the comma may still join what comes


def test_numbers_of_other_languages_stay_as_spoken(play: Play) -> None:
    _, durable = play(numbers="normalised")

    assert {final.text for final in of_type(durable, TranscriptFinal)} == {" ".join(HEARD)}


def test_the_settings_choose_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def load(model: str, **options: object) -> RecordingEngine:
        asked.update(options, model=model)
        return RecordingEngine()

    monkeypatch.setattr(transcribe, "load_engine", load)
    asr = {"model": "base.en", "backend": "onnx", "precision": "int8", "threads": 2}
    folder = {"models_folder": Path("/models")}
    definition = transcribe.define(Settings().replace(asr={**asr, **folder, "max_batch": 5}))

    assert asked == {**asr, **folder, "device": "cpu"}
    assert definition.max_batch == 5


def test_eight_partials_are_decoded_together_by_default() -> None:
    assert Settings().asr.max_batch == 8


@pytest.mark.parametrize("deterministic", [False, True])
def test_finals_alone_are_searched_with_the_beam_of_the_settings(
    play: Play, *, deterministic: bool
) -> None:
    engine, durable = play(beam_size=3, deterministic=deterministic)

    finals = of_type(durable, TranscriptFinal)
    sizes = [asked.options.beam_size for asked in engine.asked]
    assert set(sizes) == {1, 3}
    assert sizes.count(3) >= len(finals) > 1
    if not deterministic:
        assert [asked.is_exact for asked in engine.asked] == [size == 3 for size in sizes]


def test_the_beam_of_the_settings_is_that_of_the_engine() -> None:
    assert Settings().asr.beam_size == DEFAULT_OPTIONS.beam_size == BEAM_SIZE

"""Machines take or refuse messages with any legal values.

Extreme and contradictory values, in any order, with the call's own messages among them: nothing but
the two errors that make dead letters comes out of a machine, and what it writes can be read again.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.decoding.whisper_engine import WhisperEngine
from models.asr.engine import load_engine
from models.asr.partials.policies import choose_policy
from schemas.audio import AudioChunk, AudioTopicMessage, CallEnded, CallStarted
from schemas.base import MAX_MESSAGE_BYTES, CallContext
from schemas.codec import decode_audio, decode_json, encode_audio, encode_json
from schemas.errors import AudioFormatError, MalformedMessageError
from schemas.operations import Alert, Checkpoint
from schemas.transcripts import TranscriptTopicMessage
from schemas.turns import FinalizedCall, TurnTopicMessage
from stream_app.agents.detect_turns import turn_config
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.detect_turns.judgement import Judgement, JudgementRequest
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Effect, Emit, Infer, Refuse, Tell
from stream_app.calls.finalize.finalizer import CallFinalizer, FinalizeConfig
from stream_app.calls.transcribe.recognition import recognize
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import TranscriberConfig
from stream_app.settings import Settings
from tests.contract.generated import messages
from tests.support.calls.recorded_calls import (
    detectors,
    fingerprint,
    recorded_call,
    transcriber,
)
from tests.support.calls.turn_judges import one
from tests.support.examples import examples
from tests.support.models.micro import MICRO

CALL_ID = "c"
TURNS = turn_config(Settings().turns)
OUTPUTS = TranscriptTopicMessage | TurnTopicMessage | FinalizedCall | Alert | Checkpoint
Machine = CallMachine[Any, Any]


def of_one_call(topic: Any) -> st.SearchStrategy[Any]:
    """Return messages of a topic, all of one call."""
    kinds = st.sampled_from(get_args(topic)).flatmap(messages)
    return kinds.map(lambda message: msgspec.structs.replace(message, call_id=CALL_ID))


def fed(
    machine: Machine, log: Sequence[Any], infer: Callable[[Any], Any] | None = None
) -> list[Any]:
    """Return the outputs of a machine; every input is acknowledged once or refused."""
    outputs = []
    acknowledged: list[int] = []
    for offset, message in enumerate(log):
        effects: deque[Effect] = deque()
        try:
            effects.extend(machine.feed(message, offset))
        except (AudioFormatError, MalformedMessageError):
            acknowledged.append(offset)
        while effects:
            effect = effects.popleft()
            if isinstance(effect, Emit):
                outputs.append(effect.message)
            elif isinstance(effect, Commit):
                acknowledged += effect.offsets
                if effect.checkpoint is not None:
                    written(effect.checkpoint)
            elif isinstance(effect, Infer):
                assert infer is not None
                effects.extend(machine.resolve(infer(effect.request)))
            else:
                assert isinstance(effect, Refuse | Tell)
    assert len(acknowledged) == len(set(acknowledged))
    for message in outputs:
        written(message)
    return outputs


def written(message: Any) -> None:
    """Check that a message can be sent, and read by whoever reads its topic."""
    data = encode_json(message)
    assert len(data) < MAX_MESSAGE_BYTES
    assert encode_json(decode_json(data, OUTPUTS)) == data


RECORDED = recorded_call(CALL_ID, 0, 4_000, chunk_ms=200)


@st.composite
def calls(draw: st.DrawFn) -> list[AudioTopicMessage]:
    """Return a recorded call with other messages among its own, some of them moved."""
    log = list(RECORDED)
    for message in draw(st.lists(of_one_call(AudioTopicMessage), max_size=8)):
        log.insert(draw(st.integers(0, len(log))), message)
    for _ in range(draw(st.integers(0, 3))):
        log.insert(draw(st.integers(0, len(log) - 1)), log.pop(draw(st.integers(0, len(log) - 1))))
    return [decode_audio(encode_audio(message)) for message in log]


@examples(60)
@given(log=calls())
def test_any_messages_of_a_call_of_transcribe_are_taken_or_refused(
    log: list[AudioTopicMessage],
) -> None:
    fed(transcriber(CALL_ID), log, fingerprint)


@examples(150)
@given(log=st.lists(of_one_call(TranscriptTopicMessage), max_size=25), has_model=st.booleans())
def test_any_messages_of_a_call_of_detect_turns_are_taken_or_refused(
    log: list[Any], *, has_model: bool
) -> None:
    router = one(otherwise=0.8) if has_model else None

    def judge(request: JudgementRequest) -> Judgement:
        return Judgement(request, 0.8)

    outputs = fed(CallTurns(CALL_ID, TURNS, router=router), log, judge)

    fed(CallFinalizer(CALL_ID, FinalizeConfig()), outputs)


@examples(150)
@given(log=st.lists(of_one_call(TurnTopicMessage), max_size=25))
def test_any_messages_of_a_call_of_finalize_are_taken_or_refused(log: list[Any]) -> None:
    fed(CallFinalizer(CALL_ID, FinalizeConfig()), log)


@cache
def engine() -> WhisperEngine:
    """Return the small weights of the tests, loaded once."""
    return load_engine(MICRO, threads=1)


def heard(context: CallContext, **fields: Any) -> list[Any]:
    """Return what the weights make of a short call with these facts."""
    config = TranscriberConfig(
        front_end=detectors().front_end,
        segments=SegmentConfig(),
        partial_interval_ms=500,
        model=engine().name,
        policy=choose_policy("utterance_only", None, calibrated=engine().policy),
    )
    start = RECORDED[0]
    assert isinstance(start, CallStarted)
    log = [msgspec.structs.replace(start, context=context, **fields), *RECORDED[1:]]
    log = [decode_audio(encode_audio(message)) for message in log]
    machine = CallTranscriber(CALL_ID, config)
    return fed(machine, log, lambda request: recognize([request], engine())[0])


CONTEXTS = {
    "language region": CallContext(language="en-US"),
    "language unknown": CallContext(language="xx"),
    "language empty": CallContext(language=""),
    "language odd": CallContext(language="\x00😀" * 20),
    "hot words of nothing": CallContext(hot_words=("", " ", "\x00", "\u200b", "😀" * 100)),
    "hot words of thousands of tokens": CallContext(hot_words=("zqx jkv " * 12,) * 100),
    "hot words in another script": CallContext(hot_words=("Ω" * 100, "电话", "مرحبا")),
    "domain and queue": CallContext(domain="\x1b[31m" * 40, queue="\n" * 256),
    "times": CallContext(started_at_ns=2**63 - 1, queue_wait_ms=2**40),
    "attributes": CallContext(attributes={"": "", "\x00": "\x01" * 2_048}),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_recognizer_hears_a_call_of_any_context(name: str) -> None:
    """The same words as ever, where only hot-words may change them."""
    context = CONTEXTS[name]

    finals = [m for m in heard(context) if type(m).__name__ == "TranscriptFinal"]

    assert finals
    plain = [m for m in heard(CallContext()) if type(m).__name__ == "TranscriptFinal"]
    assert {final.language for final in finals} == {"en"}
    if not context.hot_words:
        assert [final.words for final in finals] == [final.words for final in plain]


@pytest.mark.parametrize(
    "fields",
    [
        {"parties": ()},
        {"parties": ("agent",) * 8},
        {"sample_rate_hz": 0},
        {"sample_rate_hz": -1},
        {"sample_rate_hz": 10**6},
        {"sample_rate_hz": 44_100},
        {"encoding": "pcm16"},
    ],
    ids=str,
)
def test_a_start_that_does_not_fit_the_audio_costs_no_other_message_its_outcome(
    fields: dict[str, Any],
) -> None:
    """Either the start is refused, or what contradicts it is; the call ends in order."""
    outputs = heard(CallContext(), **fields)

    assert type(outputs[-1]).__name__ == "CallTranscribed"


@examples(300)
@given(
    data=st.binary(max_size=200)
    | st.sampled_from([encode_audio(m) for m in RECORDED[:3]]).flatmap(
        lambda good: st.tuples(st.integers(0, len(good) - 1), st.binary(max_size=9)).map(
            lambda cut: good[: cut[0]] + cut[1] + good[cut[0] + len(cut[1]) :]
        )
    )
)
def test_any_bytes_are_a_message_that_a_machine_takes_or_malformed(data: bytes) -> None:
    try:
        message = decode_audio(data)
    except MalformedMessageError:
        return
    machine = transcriber(message.call_id)
    fed(machine, [message, *RECORDED[1:4], message], fingerprint)


def test_a_call_that_has_only_an_end_is_finalized() -> None:
    end = CallEnded(event_id="e", call_id=CALL_ID, captured_at_ns=0, after_seq=2**53)
    lane = fed(transcriber(CALL_ID), [end])
    turns = fed(CallTurns(CALL_ID, TURNS), lane)

    (call,) = fed(CallFinalizer(CALL_ID, FinalizeConfig()), turns)

    assert isinstance(call, FinalizedCall)
    assert call.metrics.duration_ms == 0


def test_only_empty_payloads_are_no_chunk() -> None:
    chunk = RECORDED[1]
    assert isinstance(chunk, AudioChunk)
    empty = msgspec.structs.replace(chunk, payloads=(b"", b""))

    with pytest.raises(AudioFormatError):
        transcriber(CALL_ID).feed(empty, 0)

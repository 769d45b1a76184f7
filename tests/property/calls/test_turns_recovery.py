"""A crash at any moment changes no turn: byte for byte, after de-duplication by id."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.base import Message
from schemas.codec import decode_json, encode_json
from schemas.operations import Checkpoint
from schemas.transcripts import (
    MAX_REVISION_MS,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
    TranscriptTopicMessage,
)
from schemas.turns import TurnEnded, TurnRevised, TurnStarted, TurnTopicMessage
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import JudgementRequest
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall
from tests.support.calls.turn_judges import FakeRouter, answer, one
from tests.support.calls.turn_lanes import AGENT, CALL_ID, CUSTOMER, Said, lane, partial, revising
from tests.support.examples import examples

ROUTER = one({"two": 0.1, "one": 0.9, "okay": 0.9, "yes": 0.75, "contract": 0.2})
ROUTERS = st.sampled_from((None, ROUTER))
TEXTS = ("", "", "yes", "okay", "i see", "no i meant the other one", "my number is four two")


class Broker:
    """A topic, what was written because of it, and a worker that can lose its memory.

    Attributes:
        written: Outputs by event id; the first wins.
        mismatches: Ids that were written again with other bytes.
    """

    def __init__(
        self, topic: Sequence[TranscriptTopicMessage], router: FakeRouter | None = None
    ) -> None:
        self.topic = list(topic)
        self.router = router
        self.asked: deque[JudgementRequest] = deque()
        self.written: dict[str, bytes] = {}
        self.mismatches: list[str] = []
        self._acknowledged: set[int] = set()
        self._stored: bytes | None = None
        self._next = 0
        self._closed: EndedCall | None = None
        self.machine = CallTurns(CALL_ID, TurnConfig(), router=router)

    def work(
        self,
        until: int,
        *,
        effects_of_last: int | None = None,
        is_answered: Callable[[], bool] = lambda: True,
    ) -> None:
        """Read up to offset ``until``; of its last message carry out some effects only.

        Args:
            until: Where to stop.
            effects_of_last: Of the last message; None for all.
            is_answered: Whether the model has finished its next text by now; asked after each
                message and each answer.
        """
        while self._next < until:
            offset = self._next
            effects = self._feed(self.topic[offset], offset)
            is_last = offset == until - 1
            self._carry_out(effects[: effects_of_last if is_last else None])
            while self.asked and not is_last and is_answered():
                self.answer()
            self._next += 1

    def _feed(self, message: TranscriptTopicMessage, offset: int) -> Sequence[Effect]:
        if self._closed is None:
            return self.machine.feed(message, offset)
        return self._closed.take(message, offset, agent="detect_turns", is_refused=False)

    def finish(self) -> None:
        """Read the rest and answer everything."""
        self.work(len(self.topic))
        while self.asked:
            self.answer()

    def answer(self) -> None:
        """Give the model's next answer to the machine."""
        self._carry_out(self.machine.resolve(answer(self.asked.popleft())))

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Emit) and not effect.is_volatile:
                self._write(effect.message)
            elif isinstance(effect, Commit):
                self._commit(effect)
            elif isinstance(effect, Infer):
                assert isinstance(effect.request, JudgementRequest)
                self.asked.append(effect.request)

    def take_over(self, *, redelivered: int = 0) -> None:
        """Start with empty memory at the watermark, or up to ``redelivered`` messages before."""
        watermark = 0
        while watermark in self._acknowledged:
            watermark += 1
        self._next = max(0, watermark - redelivered)
        self.asked.clear()
        self.machine = CallTurns(CALL_ID, TurnConfig(), router=self.router)
        if self._stored is not None:
            checkpoint = decode_json(self._stored, Checkpoint)
            if checkpoint.is_closed:
                self._closed = EndedCall.from_state(checkpoint.state)
                return
            self.machine = CallTurns.restore(checkpoint, TurnConfig(), router=self.router)

    def _write(self, message: Message) -> None:
        data = encode_json(message)
        if self.written.setdefault(message.event_id, data) != data:
            self.mismatches.append(message.event_id)

    def _commit(self, commit: Commit) -> None:
        checkpoint = commit.checkpoint
        if checkpoint is not None:
            stored = decode_json(self._stored, Checkpoint) if self._stored else None
            if stored is None or checkpoint.position >= stored.position:
                self._stored = encode_json(checkpoint)
        self._acknowledged.update(commit.offsets)

    @property
    def is_all_acknowledged(self) -> bool:
        """Whether every input has been."""
        return self._acknowledged == set(range(len(self.topic)))


def undisturbed(
    topic: Sequence[TranscriptTopicMessage], router: FakeRouter | None = None
) -> dict[str, bytes]:
    broker = Broker(topic, router)
    broker.finish()
    counters = broker.machine.counters
    assert (counters.duplicates, counters.lane_holes, counters.late_events) == (0, 0, 0)
    return broker.written


@st.composite
def channels_speech(draw: st.DrawFn, channel: int) -> list[Said]:
    said = []
    at_ms = draw(st.integers(0, 2_000))
    for _ in range(draw(st.integers(0, 5))):
        start_ms = at_ms + draw(st.sampled_from((230, 450, 650, 720, 900, 2_500, 6_000)))
        duration_ms = draw(st.sampled_from((130, 400, 800, 1_100, 2_500, 14_000)))
        at_ms = start_ms + duration_ms
        said.append(
            Said(
                channel,
                start_ms,
                at_ms,
                draw(st.sampled_from(TEXTS)),
                final=draw(st.sampled_from((True, True, True, False))),
                limit_ms=start_ms + 11_000 if duration_ms > 12_000 else -1,
            )
        )
    return said


@st.composite
def calls(draw: st.DrawFn) -> list[TranscriptTopicMessage]:
    said = [*draw(channels_speech(AGENT)), *draw(channels_speech(CUSTOMER))]
    partials = [partial(s.channel, s.start_ms, s.start_ms + 500, s.text) for s in said if s.text]
    return lane(said, pause_ms=draw(st.sampled_from((400, 400, 900))), extra=partials)


@st.composite
def revised_calls(draw: st.DrawFn) -> list[TranscriptTopicMessage]:
    """Draw a call whose finals revise up to three earlier ones of their channel, none too old."""
    call = draw(calls())
    for channel in (AGENT, CUSTOMER):
        starts = [
            m.start_ms for m in call if isinstance(m, TranscriptFinal) and m.channel == channel
        ]
        texts = {
            start_ms: {
                earlier: draw(st.sampled_from(TEXTS))
                for earlier in starts[n - 3 : n]
                if start_ms - earlier < MAX_REVISION_MS
            }
            for n, start_ms in enumerate(starts)
            if n >= 3 and draw(st.booleans())
        }
        call = revising(call, channel, texts)
    return call


BUSY_CALL = lane(
    [
        Said(AGENT, 0, 20_000, "let me read you the terms of the contract", limit_ms=11_000),
        Said(CUSTOMER, 3_000, 3_500, "uh-huh"),
        Said(CUSTOMER, 15_000, 18_000, "i do not want the terms"),
        Said(CUSTOMER, 18_500, 19_000),
        Said(AGENT, 21_000, 22_000, "okay then", final=False),
        Said(CUSTOMER, 22_300, 22_600, "yes"),
    ]
)


@pytest.mark.parametrize("router", [None, ROUTER], ids=["silence", "model"])
def test_a_takeover_after_any_message_changes_nothing(router: FakeRouter | None) -> None:
    """For every k, and between any two effects of message k."""
    expected = undisturbed(BUSY_CALL, router)
    assert len(expected) > 8

    for k in range(1, len(BUSY_CALL) + 1):
        broker = Broker(BUSY_CALL, router)
        broker.work(k, effects_of_last=(0, 1, None)[(k + k // 3) % 3])
        broker.take_over()
        broker.finish()
        assert broker.written == expected, k
        assert broker.mismatches == []
        assert broker.machine.counters.lane_holes == 0


@examples(60)
@given(data=st.data(), call=st.one_of(calls(), revised_calls()), router=ROUTERS)
def test_two_takeovers_with_redelivery_change_nothing(
    data: st.DataObject, call: list[TranscriptTopicMessage], router: FakeRouter | None
) -> None:
    """However late the model answers."""
    expected = undisturbed(call, router)
    broker = Broker(call, router)

    for _ in range(2):
        broker.work(
            data.draw(st.integers(1, len(call))),
            effects_of_last=data.draw(st.sampled_from((None, 0, 1, 2))),
            is_answered=lambda: data.draw(st.sampled_from((False, False, True))),
        )
        broker.take_over(redelivered=data.draw(st.integers(0, 40)))
    broker.finish()

    assert broker.written == expected
    assert broker.mismatches == []
    assert broker.is_all_acknowledged
    assert broker.machine.counters.duplicate_mismatch == 0
    assert broker.machine.counters.lane_holes == 0


@examples(60)
@given(data=st.data(), call=st.one_of(calls(), revised_calls()), router=ROUTERS)
def test_a_lane_that_was_written_twice_changes_nothing(
    data: st.DataObject, call: list[TranscriptTopicMessage], router: FakeRouter | None
) -> None:
    """A zombie of transcribe, and its successor, each write from some point on."""
    expected = undisturbed(call, router)
    topic = _rewritten(call, data)
    broker = Broker(topic, router)

    for k in sorted(data.draw(st.lists(st.integers(1, len(topic)), max_size=3))):
        broker.work(k)
        broker.take_over(redelivered=data.draw(st.integers(0, 20)))
    broker.finish()

    assert broker.written == expected
    assert broker.mismatches == []
    assert broker.machine.counters.duplicate_mismatch == 0


@examples(60)
@given(data=st.data(), call=st.one_of(calls(), revised_calls()))
def test_no_timing_of_the_model_changes_anything(
    data: st.DataObject, call: list[TranscriptTopicMessage]
) -> None:
    broker = Broker(call, ROUTER)

    broker.work(len(call), is_answered=lambda: data.draw(st.booleans()))
    broker.finish()

    assert [*broker.written.items()] == [*undisturbed(call, ROUTER).items()]
    assert broker.is_all_acknowledged


@examples(100)
@given(call=calls(), router=ROUTERS)
@example(call=BUSY_CALL, router=None)
@example(call=BUSY_CALL, router=ROUTER)
def test_turns_tell_the_whole_call(
    call: list[TranscriptTopicMessage], router: FakeRouter | None
) -> None:
    """Each turn that starts ends once; no word is lost or said twice; turns do not overlap."""
    emitted = [_decoded(data) for data in undisturbed(call, router).values()]
    starts = [m for m in emitted if isinstance(m, TurnStarted)]
    ends = [m for m in emitted if isinstance(m, TurnEnded)]

    assert sorted(m.turn_id for m in starts) == sorted({m.turn_id for m in ends})
    for channel in (AGENT, CUSTOMER):
        own = sorted((m for m in ends if m.channel == channel), key=lambda m: m.start_ms)
        finals = [m for m in call if isinstance(m, TranscriptFinal) and m.channel == channel]
        said = " ".join(m.text for m in finals if m.text)
        assert " ".join(m.text for m in own) == said
        assert [i for m in own for i in m.segment_ids] == [m.segment_id for m in finals if m.text]
        assert all(first.end_ms <= then.start_ms for first, then in pairwise(own))
        assert all(_is_ordered(m) for m in own)


@examples(100)
@given(call=revised_calls(), router=ROUTERS)
@example(call=revising(BUSY_CALL, CUSTOMER, {22_300: {15_000: "i want"}}), router=None)
def test_the_latest_words_of_every_segment_stand_in_its_turn(
    call: list[TranscriptTopicMessage], router: FakeRouter | None
) -> None:
    """In their order and none twice, beside words found in segments that had none."""
    emitted = [_decoded(data) for data in undisturbed(call, router).values()]
    texts = {m.turn_id: m.text for m in emitted if isinstance(m, TurnEnded)}
    texts |= {m.turn_id: m.text for m in emitted if isinstance(m, TurnRevised)}
    for channel in (AGENT, CUSTOMER):
        own = [m for m in emitted if isinstance(m, TurnEnded) and m.channel == channel]
        finals = [m for m in call if isinstance(m, TranscriptFinal) and m.channel == channel]
        latest = {m.segment_id: m.text for m in finals}
        for final in finals:
            latest |= {each.segment_id: each.text for each in final.revised}
        in_turns = {each for turn in own for each in turn.segment_ids}
        said = " ".join(text for each, text in latest.items() if each in in_turns)
        beside = " ".join(text for each, text in latest.items() if each not in in_turns)
        left = _without(" ".join(texts[turn.turn_id] for turn in own), said)
        assert left is not None
        assert len(left) <= len(beside.split())


def _without(text: str, wanted: str) -> list[str] | None:
    """Return the words of a text that are left without the wanted ones, None if one lacks."""
    rest = iter(text.split())
    left = []
    for word in wanted.split():
        for other in rest:
            if other == word:
                break
            left.append(other)
        else:
            return None
    return [*left, *rest]


@examples(50)
@given(data=st.data(), call=calls(), router=ROUTERS)
def test_partials_have_no_influence(
    data: st.DataObject, call: list[TranscriptTopicMessage], router: FakeRouter | None
) -> None:
    """Nor have their predictions."""
    expected = undisturbed(call, router)
    durable: list[TranscriptTopicMessage] = [
        m for m in call if not isinstance(m, TranscriptPartial)
    ]
    partials = [m for m in call if isinstance(m, TranscriptPartial)]
    for message in partials:
        durable.insert(data.draw(st.integers(0, len(durable))), message)

    broker = Broker(durable, router)
    broker.finish()

    assert broker.written == expected


def _rewritten(
    call: Sequence[TranscriptTopicMessage], data: st.DataObject
) -> list[TranscriptTopicMessage]:
    """Return two runs of one writer, the second from an earlier point on, interleaved."""
    topic: list[TranscriptTopicMessage] = []
    died_at = int(data.draw(st.integers(0, len(call))))
    resumed_at = int(data.draw(st.integers(0, died_at)))
    zombie = list(call[died_at : died_at + int(data.draw(st.integers(0, 60)))])
    topic.extend(call[:died_at])
    for message in call[resumed_at:]:
        if zombie and data.draw(st.sampled_from((True, False))):
            topic.append(_recaptured(zombie.pop(0)))
        topic.append(_recaptured(message))
    return [*topic, *zombie]


def _recaptured(message: TranscriptTopicMessage) -> TranscriptTopicMessage:
    """Activity is the only message whose bytes are compared here with another capture time."""
    if isinstance(message, SpeechActivity) and message.kind == "tick":
        return msgspec.structs.replace(message, captured_at_ns=message.captured_at_ns + 1)
    return message


def _decoded(data: bytes) -> Message:
    message: Message = decode_json(data, TurnTopicMessage)
    return message


def _is_ordered(turn: TurnEnded) -> bool:
    times: Iterable[int] = [t for span in turn.speech for t in (span.start_ms, span.end_ms)]
    return list(times) == sorted(times) and turn.start_ms <= turn.end_ms <= turn.at_ms

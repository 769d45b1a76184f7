"""Whatever dies whenever: each subject has one answer, byte for byte."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Message
from schemas.turns import CallTurnsComplete, TurnEnded
from stream_app.calls import answering
from tests.support.calls.answering_worker import (
    IGNORED,
    REFUSED,
    AnsweringWorker,
    AnyAnswering,
    answer_id,
    of_calls,
    of_turns,
)
from tests.support.calls.call_messages import finalized, interruption, turn_ended, turns_complete
from tests.support.examples import examples

TEXTS = ("one", "two words", REFUSED, IGNORED)
AGENTS = st.sampled_from((of_turns(), of_turns(has_history=True)))


@st.composite
def turn_topics(draw: st.DrawFn) -> list[Message]:
    """Return the turns of a call, with repeats of what stands before anywhere."""
    texts = draw(st.lists(st.sampled_from(TEXTS), max_size=12))
    steps = draw(st.lists(st.sampled_from((0, 100)), min_size=len(texts), max_size=len(texts)))
    topic: list[Message] = []
    end_ms = 1_000
    for number, (text, step_ms) in enumerate(zip(texts, steps, strict=True)):
        end_ms += step_ms  # two turns may end together
        topic.append(turn_ended(number % 2, number, end_ms, text=text))
        if draw(st.booleans()):
            topic.append(draw(st.sampled_from(topic)))
        if draw(st.integers(0, 3)) == 0:
            topic.append(interruption(end_ms))
    topic.append(turns_complete(len(texts)))
    return [*topic, *draw(st.lists(st.sampled_from(topic), max_size=2))]


def undisturbed(topic: Sequence[Message], agent: AnyAnswering) -> dict[str, bytes]:
    worker = AnsweringWorker(topic, agent)
    worker.finish()
    assert worker.is_all_acknowledged
    assert worker.is_closed
    return worker.written


def disturb(worker: AnsweringWorker, data: st.DataObject) -> None:
    """Read and answer in any order, and let the worker die between any two steps."""
    for _ in range(data.draw(st.integers(0, 25), label="steps")):
        carry_out = data.draw(st.sampled_from(("read", "answer")), label="next")
        steps = data.draw(st.none() | st.integers(0, 4), label="dies after")
        if carry_out == "read":
            is_alive = worker.read(steps)
        else:
            is_alive = worker.answer(data.draw(st.integers(0, 3), label="which"), steps)
        if not is_alive or data.draw(st.integers(0, 9), label="dies") == 0:
            worker.take_over(data.draw(st.integers(0, 3), label="redelivered"))


@pytest.fixture(autouse=True, params=[2, 64], ids=["short memory", "long memory"])
def remembered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "MAX_REMEMBERED", request.param)


@examples(120)
@given(topic=turn_topics(), agent=AGENTS, data=st.data())
def test_every_turn_has_one_answer(
    topic: list[Message], agent: AnyAnswering, data: st.DataObject
) -> None:
    expected = undisturbed(topic, agent)
    worker = AnsweringWorker(topic, agent)

    disturb(worker, data)
    worker.finish()

    assert worker.mismatches == []
    assert worker.written == expected
    assert worker.is_all_acknowledged
    assert worker.is_closed


@examples(100)
@given(topic=turn_topics())
def test_without_a_crash_no_turn_is_asked_twice(topic: list[Message]) -> None:
    """However often it is repeated, and however long ago it was answered."""
    worker = AnsweringWorker(topic, of_turns())

    worker.finish()

    end = next(n for n, message in enumerate(topic) if isinstance(message, CallTurnsComplete))
    turns = {m.event_id: m for m in topic[:end] if isinstance(m, TurnEnded)}
    asked = [turn for turn in turns.values() if turn.text != IGNORED]
    assert worker.runs == len(asked)
    assert set(worker.written) == {answer_id(t.event_id) for t in asked if t.text != REFUSED}


@examples(100)
@given(repeats=st.integers(1, 4), text=st.sampled_from(TEXTS), data=st.data())
def test_every_finalized_call_has_one_answer(repeats: int, text: str, data: st.DataObject) -> None:
    call = finalized(((0, 0, text),))
    topic = [msgspec.structs.replace(call, captured_at_ns=7)] * repeats
    expected = undisturbed(topic, of_calls())
    worker = AnsweringWorker(topic, of_calls())

    disturb(worker, data)
    worker.finish()

    assert worker.mismatches == []
    assert worker.written == expected
    assert len(expected) == (text not in {REFUSED, IGNORED})
    assert worker.is_all_acknowledged

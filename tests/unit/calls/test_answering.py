"""One call of an agent that answers: each subject once, nothing acknowledged before its answer."""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint
from stream_app.calls import answering
from stream_app.calls.answering import MAX_REMEMBERED, Answer, AnsweringCall, AnswerRequest
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.inference import Failed, FailedRequest
from tests.support.calls.answering_worker import (
    AGENT,
    IGNORED,
    REFUSED,
    AnsweringWorker,
    answer_id,
    of_calls,
    of_turns,
)
from tests.support.calls.call_messages import (
    CALL,
    finalized,
    turn_ended,
    turn_revised,
    turns_complete,
)

CALL_OF_TWO_WORDS = finalized(((0, 0, "two words"),))


def request_of(effects: Sequence[Effect]) -> AnswerRequest[str]:
    (infer,) = [effect for effect in effects if isinstance(effect, Infer)]
    assert isinstance(infer.request, AnswerRequest)
    return infer.request


def test_a_finalized_call_is_acknowledged_with_its_answer_and_closed() -> None:
    machine = AnsweringCall(CALL, of_calls())

    (infer,) = machine.feed(CALL_OF_TWO_WORDS, 5)
    assert isinstance(infer, Infer)
    assert (infer.is_kept, infer.is_urgent) == (True, False)
    emit, commit = machine.resolve(Answer(request_of([infer]), 2))

    assert isinstance(emit, Emit)
    assert emit.message.event_id == answer_id(CALL_OF_TWO_WORDS.event_id)
    assert isinstance(commit, Commit)
    assert commit.offsets == (5,)
    assert commit.checkpoint is not None
    assert commit.checkpoint.is_closed
    assert commit.checkpoint.state == {"end_offset": 5}
    assert machine.is_closed


def test_a_call_whose_request_failed_for_good_is_closed_without_an_answer() -> None:
    machine = AnsweringCall(CALL, of_calls())
    request = request_of(machine.feed(CALL_OF_TWO_WORDS, 5))

    (commit,) = machine.resolve(FailedRequest(request, Failed("away")))

    assert isinstance(commit, Commit)
    assert commit.offsets == (5,)
    assert commit.checkpoint is not None
    assert commit.checkpoint.state == {"end_offset": 5, "is_unanswered": True}
    assert machine.is_closed
    assert machine.counters.unanswered == 1


def test_a_call_that_the_agent_leaves_alone_is_closed_at_once() -> None:
    machine = AnsweringCall(CALL, of_calls())

    (commit,) = machine.feed(finalized(((0, 0, IGNORED),)), 5)

    assert isinstance(commit, Commit)
    assert machine.is_closed
    assert machine.counters.left_alone == 1


def test_a_repeated_call_with_other_content_is_counted_and_asked_once() -> None:
    machine = AnsweringCall(CALL, of_calls())
    machine.feed(CALL_OF_TWO_WORDS, 5)

    same = machine.feed(msgspec.structs.replace(CALL_OF_TWO_WORDS, captured_at_ns=1), 6)
    other = machine.feed(msgspec.structs.replace(CALL_OF_TWO_WORDS, end_reason="failed"), 7)

    assert (same, other) == ((Commit((6,)),), (Commit((7,)),))
    counters = machine.counters
    assert (counters.duplicates, counters.duplicate_mismatch) == (2, 1)


def test_a_call_of_turns_closes_when_its_end_has_come_and_every_turn_is_answered() -> None:
    machine = AnsweringCall(CALL, of_turns())
    request = request_of(machine.feed(turn_ended(0, 0, 900), 0))

    assert machine.feed(turns_complete(1), 1) == ()
    assert not machine.is_closed
    assert machine.feed(turn_ended(1, 0, 900), 2) == (Commit((2,)),)  # late
    assert machine.feed(turns_complete(1), 3) == (Commit((3,)),)
    _, commit = machine.resolve(Answer(request, 1))

    assert isinstance(commit, Commit)
    assert commit.offsets == (0, 1)
    assert machine.ended is not None
    assert machine.ended.end_offset == 1
    assert machine.counters.late_events == 2


def test_the_turns_before_are_part_of_the_request() -> None:
    worker = AnsweringWorker(
        [turn_ended(0, n, n * 100, text=text) for n, text in enumerate(("a", "b", "c"))],
        of_turns(has_history=True),
    )
    worker.read()
    worker.answer()
    worker.read()
    worker.take_over()
    worker.read()
    worker.read()

    assert [request.content for request in worker.asked] == ["a b", "a b c"]


def test_a_turn_that_was_left_alone_is_part_of_the_history_after_a_takeover_too() -> None:
    turns = [turn_ended(0, n, n * 100, text=text) for n, text in enumerate((IGNORED, "b"))]
    worker = AnsweringWorker(turns, of_turns(has_history=True))
    worker.read()

    worker.take_over()
    worker.read()

    assert [request.content for request in worker.asked] == [f"{IGNORED} b"]


def test_a_turn_that_is_not_due_is_acknowledged_and_part_of_the_history() -> None:
    """It is not one that is left alone: nothing keeps the agent from reading it."""
    turns = [turn_ended(0, n, n * 100, text=f"t{n}") for n in range(7)]
    worker = AnsweringWorker([*turns, turns_complete(7)], of_turns(has_history=True, every=3))
    for _ in range(4):
        worker.read()
    worker.take_over()
    for _ in range(8):
        worker.read()

    assert [request.content for request in worker.asked] == ["t0 t1 t2", "t0 t1 t2 t3 t4 t5"]
    assert worker.machine.counters.left_alone == 0
    worker.finish()
    assert worker.is_closed
    assert worker.is_all_acknowledged


def test_the_history_has_a_turn_as_it_was_heard_last() -> None:
    """Before and after a takeover alike; a revision of an unknown turn changes nothing."""
    first, second = turn_ended(0, 0, 900, text="by"), turn_ended(1, 1_000, 1_900, text="b")
    third = turn_ended(0, 2_000, 2_900, text="c")
    revised = [turn_revised(first, "buy", 2_000), turn_revised(third, "?", 2_000)]
    worker = AnsweringWorker([first, second, *revised, third], of_turns(has_history=True))
    for _ in range(5):
        worker.read()
    contents = [request.content for request in worker.asked]
    worker.answer()
    worker.take_over()
    for _ in range(5):
        worker.read()

    assert contents == ["by", "by b", "buy b c"]
    assert [request.content for request in worker.asked] == contents[1:]


def test_a_checkpoint_of_a_long_call_stays_small() -> None:
    turns = [turn_ended(n % 2, n * 1_000, n * 1_000 + 900) for n in range(20 * MAX_REMEMBERED)]
    worker = AnsweringWorker(turns, of_turns())

    worker.finish()

    assert worker.checkpoint is not None
    assert len(worker.checkpoint.state["remembered"]) == MAX_REMEMBERED  # type: ignore[arg-type]
    runs = worker.runs
    worker.take_over(redelivered=len(turns))
    worker.finish()
    assert worker.runs == runs
    assert worker.machine.counters.read_again == len(turns)


def test_a_turn_that_is_tried_again_is_not_forgotten_behind_later_ones() -> None:
    """However many are answered meanwhile: after a crash it has to be asked again."""
    turns = [turn_ended(0, n * 1_000, n * 1_000 + 900) for n in range(3 * MAX_REMEMBERED)]
    worker = AnsweringWorker(turns, of_turns())
    for _ in turns:
        worker.read()
    while len(worker.asked) > 1:
        worker.answer(1)

    worker.take_over()
    worker.finish()

    assert len(worker.written) == len(turns)
    assert worker.is_all_acknowledged


def test_a_turn_that_is_still_to_be_read_again_is_not_taken_for_an_answered_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a later one was answered before the takeover."""
    monkeypatch.setattr(answering, "MAX_REMEMBERED", 2)
    turns = [turn_ended(n % 2, n, end_ms) for n, end_ms in enumerate((1_000, 1_000, 1_000, 1_100))]
    worker = AnsweringWorker(turns, of_turns())
    for _ in turns:
        worker.read()
    worker.answer(3)

    worker.take_over()
    worker.finish()

    assert set(worker.written) == {answer_id(turn.event_id) for turn in turns}


def test_a_failed_turn_leaves_the_others_their_answers() -> None:
    texts = ("one", REFUSED, "two words")
    turns = [turn_ended(0, n * 1_000, n * 1_000 + 900, text=t) for n, t in enumerate(texts)]
    worker = AnsweringWorker([*turns, turns_complete(3)], of_turns())

    worker.finish()

    assert set(worker.written) == {answer_id(turns[n].event_id) for n in (0, 2)}
    assert worker.is_closed


def test_a_state_of_another_machine_is_refused() -> None:
    checkpoint = Checkpoint(
        agent=AGENT, call_id=CALL, position=(0,), is_closed=False, state={"remembered": 7}
    )

    with pytest.raises(MalformedMessageError):
        AnsweringCall.restore(checkpoint, of_turns())

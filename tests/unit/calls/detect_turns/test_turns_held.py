"""While the model works, later messages of the lane wait, and each is acknowledged once."""

from collections.abc import Sequence

from schemas.transcripts import TranscriptFinal, TranscriptTopicMessage
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import JudgementRequest
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from tests.support.calls.turn_judges import answer, drive, one
from tests.support.calls.turn_lanes import AGENT, CALL_ID, CUSTOMER, Said, lane, partial
from tests.support.calls.turn_runs import commits, ended

TALK = lane(
    [
        Said(AGENT, 0, 2_000, "good morning what can i do for you"),
        Said(CUSTOMER, 3_000, 5_000, "i would like to"),
        Said(CUSTOMER, 6_000, 8_000, "cancel my order"),
    ],
    extra=[partial(CUSTOMER, 6_000, 7_000, "cancel")],
)
SAYS = {"like to": 0.1, "for you": 0.9, "my order": 0.9}


def machine() -> CallTurns:
    return CallTurns(CALL_ID, TurnConfig(), router=one(SAYS))


def question(effects: Sequence[Effect]) -> JudgementRequest:
    (request,) = (e.request for e in effects if isinstance(e, Infer) and e.is_urgent)
    assert isinstance(request, JudgementRequest)
    return request


def first_final(messages: Sequence[TranscriptTopicMessage]) -> int:
    return next(n for n, m in enumerate(messages) if isinstance(m, TranscriptFinal))


def test_nothing_leaves_while_a_final_is_judged() -> None:
    call, index = machine(), first_final(TALK)
    for offset in range(index):
        call.feed(TALK[offset], offset)

    asked = call.feed(TALK[index], index)
    held = [call.feed(TALK[offset], offset) for offset in range(index + 1, index + 9)]

    assert [type(effect) for effect in asked] == [Infer]
    assert held == [[]] * 8


def test_the_answer_lets_go_what_was_held_back_in_its_order() -> None:
    call, index = machine(), first_final(TALK)
    for offset in range(index):
        call.feed(TALK[offset], offset)
    request = question(call.feed(TALK[index], index))
    for offset in range(index + 1, index + 9):
        call.feed(TALK[offset], offset)

    effects = call.resolve(answer(request))

    assert [o for c in commits(effects) for o in c.offsets] == [*range(index, index + 9)]
    messages = [effect.message for effect in effects if isinstance(effect, Emit)]
    assert [turn.reason for turn in ended(messages)] == ["semantic"]


def test_the_next_final_is_asked_about_after_the_first_is_answered() -> None:
    """Its text rests on what the first one led to."""
    call = machine()
    asked = [e for o, m in enumerate(TALK) for e in call.feed(m, o) if isinstance(e, Infer)]
    assert len(asked) == 1
    assert not call.is_closed

    texts, effects = [], list[Effect](asked)
    while any(isinstance(effect, Infer) for effect in effects):
        request = question(effects)
        texts.append(request.text)
        effects = list(call.resolve(answer(request)))

    assert texts == [
        "good morning what can i do for you",
        "i would like to",
        "i would like to cancel my order",
    ]
    assert call.is_closed


def test_late_answers_change_nothing() -> None:
    """All at the end, or each at once: the same messages and the same checkpoints."""
    call = machine()
    effects: list[Effect] = []
    pending = [e for o, m in enumerate(TALK) for e in call.feed(m, o)]
    while pending:
        effect = pending.pop(0)
        effects.append(effect)
        if isinstance(effect, Infer) and effect.is_urgent:
            assert isinstance(effect.request, JudgementRequest)
            pending += call.resolve(answer(effect.request))

    at_once = [e for e in drive(machine(), TALK) if isinstance(e, Commit) and e.checkpoint]

    assert [e for e in effects if isinstance(e, Commit) and e.checkpoint] == at_once


def test_a_partial_waits_for_nothing() -> None:
    """And asks nothing: the words before it are not known yet."""
    call, index = machine(), first_final(TALK)
    for offset in range(index + 1):
        call.feed(TALK[offset], offset)

    assert call.feed(partial(AGENT, 2_450, 2_700, "oh and"), 99) == (Commit((99,)),)


def test_a_duplicate_asks_nothing() -> None:
    call = machine()
    drive(call, TALK[: first_final(TALK) + 1])

    again = call.feed(TALK[first_final(TALK)], 99)

    assert again == [Commit((99,))]


def test_an_answer_to_no_waiting_request_is_ignored() -> None:
    call, index = machine(), first_final(TALK)
    for offset in range(index):
        call.feed(TALK[offset], offset)
    request = question(call.feed(TALK[index], index))
    call.resolve(answer(request))

    assert call.resolve(answer(request)) == []


def test_messages_behind_the_end_of_the_call_are_late() -> None:
    call = machine()
    doubled = [*TALK, TALK[-1]]
    asked = [e for o, m in enumerate(doubled) for e in call.feed(m, o) if isinstance(e, Infer)]
    effects: list[Effect] = list(asked)
    while any(isinstance(e, Infer) for e in effects):
        effects = list(call.resolve(answer(question(effects))))

    assert call.is_closed
    assert call.counters.late_events == 1
    assert commits(effects)[-1].offsets == (len(TALK),)

"""Turns with the end-of-turn model: when they end, and what their messages say."""

from collections.abc import Sequence

import msgspec
import pytest

from schemas.base import CallContext, Message
from schemas.transcripts import TranscriptFinal
from schemas.turns import CallTurnsComplete
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Emit
from tests.support.calls.turn_judges import FakeRouter, SayingJudge, drive, one, questions
from tests.support.calls.turn_lanes import (
    AGENT,
    CALL_ID,
    CUSTOMER,
    Said,
    activity,
    final,
    lane,
    number,
    transcribed,
)
from tests.support.calls.turn_runs import ended, interruptions, run, say

DEFAULTS = TurnConfig()
UNCERTAIN_MS = DEFAULTS.uncertain_silence_ms


def test_a_complete_text_ends_the_turn_with_its_final() -> None:
    (turn,) = ended(say(Said(AGENT, 1_000, 3_000, "good morning"), router=one(otherwise=0.95)))

    assert (turn.at_ms, turn.reason, turn.probability) == (3_400, "semantic", 0.95)


def test_an_uncertain_text_ends_by_silence() -> None:
    (turn,) = ended(say(Said(AGENT, 1_000, 3_000, "good morning"), router=one(otherwise=0.5)))

    assert (turn.at_ms - 3_000, turn.reason) == (UNCERTAIN_MS, "silence")
    assert turn.probability == 0.5


def test_an_incomplete_text_is_given_time_to_go_on() -> None:
    said = (Said(AGENT, 0, 1_000, "i would like to"), Said(AGENT, 2_500, 3_500, "cancel it"))

    (turn,) = ended(say(*said, router=one({"like to": 0.1, "cancel it": 0.9})))

    assert turn.text == "i would like to cancel it"
    assert (turn.at_ms, turn.probability) == (3_900, 0.9)


def test_an_incomplete_text_that_is_never_completed_ends_all_the_same() -> None:
    (turn,) = ended(say(Said(AGENT, 0, 1_000, "i would like to"), router=one(otherwise=0.1)))

    assert (turn.at_ms - 1_000, turn.reason) == (DEFAULTS.incomplete_silence_ms, "silence")


def test_the_last_final_says_whether_the_turn_is_complete() -> None:
    said = Said(AGENT, 0, 13_000, "i want to cancel it because", limit_ms=11_000)

    (turn,) = ended(say(said, router=one({"i want": 0.95, "because": 0.1})))

    assert (turn.probability, turn.at_ms - turn.end_ms) == (0.1, DEFAULTS.incomplete_silence_ms)


def test_a_dictation_holds_the_turn_open_for_any_probability() -> None:
    said = (
        Said(CUSTOMER, 0, 1_500, "my card number is four two seven one"),
        Said(CUSTOMER, 2_700, 4_000, "nine nine eight three"),
    )

    (turn,) = ended(say(*said, router=one(otherwise=0.95)))

    assert turn.text.endswith("seven one nine nine eight three")
    assert turn.at_ms == 4_000 + DEFAULTS.dictation_silence_ms


def test_what_was_dictated_in_full_does_not_wait_for_more() -> None:
    said = Said(CUSTOMER, 0, 1_500, "it's john dot smith at gmail dot com")

    (turn,) = ended(say(said, router=one(otherwise=0.05)))

    assert turn.at_ms == 2_200


def test_the_model_is_asked_about_the_whole_turn_so_far() -> None:
    machine = CallTurns(CALL_ID, TurnConfig(), router=one())
    said = [Said(AGENT, 0, 1_000, "my name"), Said(AGENT, 1_500, 2_000, "is anna")]

    asked = questions(drive(machine, lane(said)))

    assert [request.text for request in asked] == ["my name", "my name is anna"]
    assert [request.slot for request in asked] == [(CALL_ID, AGENT)] * 2
    assert asked[0].captured_at_ns > 0


def test_noise_is_not_judged() -> None:
    machine = CallTurns(CALL_ID, TurnConfig(), router=one())

    assert questions(drive(machine, lane([Said(AGENT, 0, 1_000), Said(AGENT, 1_500, 2_000)]))) == []


@pytest.mark.parametrize("text", ["...", "\N{THUMBS UP SIGN}", "?!"])
def test_a_text_without_words_leaves_it_to_silence(text: str) -> None:
    (turn,) = ended(say(Said(AGENT, 0, 1_000, text), router=one(otherwise=0.0)))

    assert (turn.at_ms, turn.probability, turn.reason) == (1_700, -1.0, "silence")


def test_a_language_that_the_model_does_not_know_leaves_it_to_silence() -> None:
    router = FakeRouter({"general": SayingJudge(languages=("fr",), otherwise=0.99)})

    messages = say(Said(AGENT, 0, 1_000, "good morning"), router=router)

    assert messages == say(Said(AGENT, 0, 1_000, "good morning"))
    assert router.asked == [("agent", "", "en")]


def test_a_call_that_changes_its_language_is_judged_where_that_is_possible() -> None:
    messages = [
        msgspec.structs.replace(m, language="de")
        if isinstance(m, TranscriptFinal) and m.text == "guten tag"
        else m
        for m in lane([Said(AGENT, 0, 1_000, "hello"), Said(AGENT, 4_000, 5_000, "guten tag")])
    ]

    first, second = ended(run(messages, router=one(otherwise=0.9)))

    assert (first.probability, second.probability) == (0.9, -1.0)


def test_parties_of_a_call_may_speak_different_languages() -> None:
    messages = [
        msgspec.structs.replace(m, language="de")
        if isinstance(m, TranscriptFinal) and m.channel == CUSTOMER
        else m
        for m in lane([Said(AGENT, 0, 1_000, "hello"), Said(CUSTOMER, 4_000, 5_000, "guten tag")])
    ]

    agent, customer = ended(run(messages, router=one(otherwise=0.9)))

    assert (agent.probability, customer.probability) == (0.9, -1.0)


def test_a_region_is_no_other_language() -> None:
    messages = [
        msgspec.structs.replace(m, language="en-GB") if isinstance(m, TranscriptFinal) else m
        for m in lane([Said(AGENT, 0, 1_000, "hello")])
    ]
    router = FakeRouter({"general": SayingJudge(languages=("en", "en-GB"), otherwise=0.9)})

    (turn,) = ended(run(messages, router=router))

    assert turn.probability == 0.9


def test_a_party_that_was_interrupted_is_not_waited_for() -> None:
    """Its text is incomplete because the other one took over."""
    said = (
        Said(AGENT, 0, 3_000, "and what you have to do then is"),
        Said(CUSTOMER, 2_000, 6_000, "no please listen to me"),
    )
    router = one({"then is": 0.05}, otherwise=0.9)
    later = final(CUSTOMER, 2_000, 3_200, 3_250, "no please listen", cut="limit")
    rest = final(CUSTOMER, 3_200, 6_000, 6_400, "to me")
    messages = lane([said[0], Said(CUSTOMER, 2_000, 6_000, final=False)], extra=[later, rest])

    emitted = run(messages, router=router)

    assert [i.channel for i in interruptions(emitted)] == [CUSTOMER]
    turn = next(t for t in ended(emitted) if t.channel == AGENT)
    assert (turn.reason, turn.at_ms - turn.end_ms) == ("interrupted", 700)


def test_a_backchannel_that_is_complete_does_not_take_the_turn() -> None:
    said = (Said(AGENT, 0, 6_000, "so what you do is"), Said(CUSTOMER, 2_000, 2_400, "mm-hmm"))

    emitted = say(*said, router=one(otherwise=0.95))

    backchannel = next(t for t in ended(emitted) if t.channel == CUSTOMER)
    assert backchannel.is_backchannel
    assert backchannel.reason == "semantic"
    assert interruptions(emitted) == []


def test_each_party_is_judged_by_its_own_variant_and_threshold() -> None:
    router = FakeRouter(
        {
            "general": SayingJudge("fake@1/general", otherwise=0.8),
            "agent": SayingJudge("fake@1/agent", otherwise=0.8),
        }
    )
    config = TurnConfig(thresholds={"agent": 0.9})
    said = [Said(AGENT, 0, 1_000, "hello"), Said(CUSTOMER, 4_000, 5_000, "hello")]

    agent, customer = ended(run(lane(said), CallTurns(CALL_ID, config, router=router)))

    assert (agent.at_ms - agent.end_ms, agent.reason) == (UNCERTAIN_MS, "silence")
    assert (customer.at_ms - customer.end_ms, customer.reason) == (400, "semantic")


def test_the_domain_of_the_call_chooses_the_model() -> None:
    router = one()
    spoken = msgspec.structs.replace(final(AGENT, 0, 1_000, 1_400, "hello"), domain="helpline")

    run([*number([activity(AGENT, "start", 96, 0, is_speech=True), spoken])], router=router)

    assert router.asked == [("agent", "helpline", "en")]


def test_every_turn_carries_the_context_of_its_call() -> None:
    """Also one that ends after the machine was restored, by silence."""
    context = CallContext(queue="billing", attributes={"analytics": "false"})
    said = (Said(AGENT, 0, 1_000, "hello"), Said(CUSTOMER, 4_000, 5_000, "good morning"))
    messages = [
        msgspec.structs.replace(each, context=context)
        if isinstance(each, TranscriptFinal)
        else each
        for each in lane(said)
    ]
    last = max(n for n, each in enumerate(messages) if isinstance(each, TranscriptFinal))
    call = CallTurns(CALL_ID, DEFAULTS)
    before = [
        effect for n, each in enumerate(messages[: last + 1]) for effect in call.feed(each, n)
    ]
    stored = [e.checkpoint for e in before if isinstance(e, Commit) and e.checkpoint is not None]
    restored = CallTurns.restore(stored[-1], DEFAULTS)
    after = [
        effect for n, each in enumerate(messages[last + 1 :]) for effect in restored.feed(each, n)
    ]

    turns = ended([e.message for e in (*before, *after) if isinstance(e, Emit)])

    assert [turn.party for turn in turns] == ["agent", "customer"]
    assert {turn.context for turn in turns} == {context}


def test_the_end_of_the_call_names_the_models() -> None:
    said = (Said(AGENT, 0, 1_000, "hello"), Said(CUSTOMER, 4_000, 5_000, "hello"))
    router = FakeRouter(
        {
            "general": SayingJudge("fake@1/general"),
            "agent": SayingJudge("fake@1/agent"),
        }
    )

    assert _models(say(*said, router=one())) == {"turns": "fake@1/general"}
    assert _models(say(*said, router=router)) == {
        "turns.agent": "fake@1/agent",
        "turns.customer": "fake@1/general",
    }
    assert _models(say(*said)) == {}


def test_the_models_of_the_transcripts_are_kept() -> None:
    messages = [
        *lane([Said(AGENT, 0, 1_000, "hello")])[:-1],
        transcribed(9_000, models={"asr": "a"}),
    ]

    assert _models(run(messages, router=one())) == {"asr": "a", "turns": "fake@1/general"}


def test_a_probability_is_rounded_before_it_decides() -> None:
    """What a message says and what was decided by are the same number."""
    (turn,) = ended(say(Said(AGENT, 0, 1_000, "hello"), router=one(otherwise=0.699_96)))

    assert (turn.probability, turn.reason) == (0.7, "semantic")


def _models(messages: Sequence[Message]) -> dict[str, str]:
    (complete,) = (m for m in messages if isinstance(m, CallTurnsComplete))
    return complete.summary.models

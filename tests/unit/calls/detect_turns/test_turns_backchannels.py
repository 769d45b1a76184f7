import pytest

from schemas.base import Message
from stream_app.calls.detect_turns.backchannels import BACKCHANNELS, BackchannelWords
from tests.support.calls.turn_judges import one
from tests.support.calls.turn_lanes import AGENT, CUSTOMER, Said, lane
from tests.support.calls.turn_runs import ended, interruptions, run, say


def test_an_acknowledgement_within_the_others_turn_takes_no_turn() -> None:
    messages = say(
        Said(AGENT, 0, 6_000, "let me read you the terms"),
        Said(CUSTOMER, 2_000, 2_700, "Uh-huh, okay."),
    )

    customer, agent = ended(messages)
    assert customer.is_backchannel
    assert not agent.is_backchannel
    assert interruptions(messages) == []


def test_an_answer_is_none() -> None:
    """The other party's turn is over when the yes comes."""
    messages = say(Said(AGENT, 0, 2_000, "is that all right"), Said(CUSTOMER, 2_300, 2_600, "yes"))

    assert [turn.is_backchannel for turn in ended(messages)] == [False, False]


def test_in_a_pause_of_the_others_turn_it_is_one() -> None:
    messages = say(
        Said(AGENT, 0, 2_000, "first you open it"),
        Said(CUSTOMER, 2_100, 2_400, "right"),
        Said(AGENT, 2_600, 5_000, "and then you close it"),
    )

    assert [turn.text for turn in ended(messages) if turn.is_backchannel] == ["right"]


def test_more_than_an_acknowledgement_takes_the_turn() -> None:
    messages = say(
        Said(AGENT, 0, 6_000, "let me read you the terms"),
        Said(CUSTOMER, 2_000, 2_700, "okay stop"),
    )

    assert not any(turn.is_backchannel for turn in ended(messages))
    assert len(interruptions(messages)) == 1


def test_a_long_one_takes_the_turn() -> None:
    messages = say(
        Said(AGENT, 0, 8_000, "let me read you the terms"),
        Said(CUSTOMER, 2_000, 5_200, "yeah yeah yeah"),
    )

    assert not any(turn.is_backchannel for turn in ended(messages))


def test_at_the_end_of_the_call_it_is_one_as_well() -> None:
    """The other party, whose turn the end of the call closes first, was still speaking."""
    messages = run(
        lane(
            [
                Said(AGENT, 0, 6_000, "let me read you the terms", limit_ms=1_500),
                Said(CUSTOMER, 2_000, 2_400, "okay"),
            ],
            end_ms=2_900,
        )
    )

    assert [(turn.text, turn.is_backchannel) for turn in ended(messages)] == [
        ("let me read", False),
        ("okay", True),
    ]


def within_a_monologue(text: str, *, for_ms: int = 800) -> list[Message]:
    """Return the turns of an agent who talks on while the customer says something."""
    return say(
        Said(AGENT, 0, 9_000, "let me read you the terms of this contract", limit_ms=1_500),
        Said(CUSTOMER, 3_000, 3_000 + for_ms, text),
        router=one(otherwise=0.9),
    )


@pytest.mark.parametrize(
    ("text", "for_ms"),
    [
        ("Thank you.", 600),
        ("exactly", 700),
        ("I understand", 1_100),
        ("mm-hmm", 1_900),
        ("M-M-H-M-M", 1_200),
        ("That makes sense.", 900),
        ("Thank you very much.", 1_200),
        ("The blue one.", 700),
        ("terrible", 600),
        ("on a Monday", 900),
    ],
)
def test_a_few_words_while_the_other_talks_on_interrupt_nobody(text: str, for_ms: int) -> None:
    messages = within_a_monologue(text, for_ms=for_ms)

    assert interruptions(messages) == []
    assert [turn.text for turn in ended(messages) if turn.is_backchannel] == [text]


@pytest.mark.parametrize(
    "text",
    [
        "wait, no",
        "stop",
        "excuse me",
        "sorry, one question",
        "hold on",
        "no wait",
        "what?",
        "that's wrong",
        "but why",
        "can I ask",
        "I want something else",
    ],
)
def test_who_claims_the_turn_interrupts_though_the_other_talks_on(text: str) -> None:
    messages = within_a_monologue(text)

    (event,) = interruptions(messages)
    assert (event.channel, event.is_yielded) == (CUSTOMER, False)
    assert not any(turn.is_backchannel for turn in ended(messages))


def test_a_remark_to_which_the_other_party_yields_is_an_interruption() -> None:
    messages = say(
        Said(AGENT, 0, 3_600, "let me read you the terms"),
        Said(CUSTOMER, 3_000, 3_900, "the blue one"),
    )

    (event,) = interruptions(messages)
    assert event.is_yielded


def test_a_breath_of_the_other_party_does_not_make_a_remark_one() -> None:
    messages = say(
        Said(AGENT, 0, 3_600, "let me read you"),
        Said(AGENT, 3_850, 9_000, "the terms"),
        Said(CUSTOMER, 3_000, 3_900, "the blue one"),
    )

    assert interruptions(messages) == []


PAUSED = {"last week about": 0.5, "to the contrary": 0.9, "okay": 0.9, "thank you": 0.9, "yes": 0.9}


@pytest.mark.parametrize("text", ["okay", "thank you", "yes"])
@pytest.mark.parametrize("gap_ms", [100, 200, 450, 700, 900])
def test_in_a_pause_it_is_the_same_however_soon_the_other_goes_on(text: str, gap_ms: int) -> None:
    """The final of the reply comes later than the silence that would have ended the turn."""
    messages = say(
        Said(CUSTOMER, 0, 2_000, "well i called last week about"),
        Said(AGENT, 2_250, 2_700, text),
        Said(CUSTOMER, 2_700 + gap_ms, 5_000 + gap_ms, "and she said to the contrary"),
        router=one(PAUSED),
    )

    assert [(turn.channel, turn.is_backchannel) for turn in ended(messages)] == [
        (AGENT, True),
        (CUSTOMER, False),
    ]


@pytest.mark.parametrize("gap_ms", [200, 700])
def test_behind_a_statement_that_ended_meanwhile_it_is_a_backchannel_as_well(gap_ms: int) -> None:
    messages = say(
        Said(CUSTOMER, 0, 2_000, "i paid it to the contrary"),
        Said(AGENT, 2_250, 2_700, "okay"),
        Said(CUSTOMER, 2_700 + gap_ms, 5_000 + gap_ms, "and she said to the contrary"),
        router=one(PAUSED),
    )

    assert [turn.is_backchannel for turn in ended(messages) if turn.channel == AGENT] == [True]


@pytest.mark.parametrize(
    ("question", "answer"), [("is this to the contrary", "yes"), ("or to the contrary?", "okay")]
)
def test_an_answer_to_what_has_ended_takes_the_turn(question: str, answer: str) -> None:
    messages = say(
        Said(AGENT, 0, 2_000, question),
        Said(CUSTOMER, 2_250, 2_700, answer),
        Said(AGENT, 3_400, 5_000, "then to the contrary"),
        router=one(PAUSED | {"contrary?": 0.9}),
    )

    turns = [turn for turn in ended(messages) if turn.channel == CUSTOMER]
    assert [(turn.is_backchannel, turn.at_ms) for turn in turns] == [(False, 3_100)]


def test_in_a_pause_that_lasts_it_takes_the_turn() -> None:
    messages = say(
        Said(CUSTOMER, 0, 2_000, "well i called last week about"),
        Said(AGENT, 2_250, 2_700, "okay"),
        router=one(PAUSED),
    )

    assert [(turn.channel, turn.is_backchannel, turn.at_ms) for turn in ended(messages)] == [
        (AGENT, False, 3_700),
        (CUSTOMER, False, 3_700),
    ]


def test_more_words_in_the_pause_take_the_turn_at_once() -> None:
    messages = say(
        Said(CUSTOMER, 0, 2_000, "well i called last week about"),
        Said(AGENT, 2_250, 4_000, "let me look that up to the contrary"),
        router=one(PAUSED),
    )

    customer = next(turn for turn in ended(messages) if turn.channel == CUSTOMER)
    assert customer.at_ms <= 4_400


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("Yeah, thank you.", "acknowledgement"),
        ("no no no", "acknowledgement"),
        ("the blue one", "remark"),
        ("please wait", "claim"),
        ("the blue one over there", "claim"),
        ("", "claim"),
    ],
)
def test_words_have_a_weight(text: str, weight: str) -> None:
    assert BackchannelWords(BACKCHANNELS).weight(text) == weight

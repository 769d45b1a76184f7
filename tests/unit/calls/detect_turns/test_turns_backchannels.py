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
        Said(AGENT, 0, 6_000, "let me read you the terms"),
        Said(CUSTOMER, 2_000, 3_200, "yeah yeah yeah"),
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

import pytest

from tests.support.calls.turn_lanes import AGENT, CUSTOMER, Said
from tests.support.calls.turn_runs import ended, interruptions, say, started


def test_who_breaks_in_and_goes_on_interrupts() -> None:
    messages = say(
        Said(AGENT, 0, 3_000, "let me read you the terms"),
        Said(CUSTOMER, 2_000, 5_000, "i do not want the terms"),
    )

    (event,) = interruptions(messages)
    assert (event.channel, event.interrupted_channel) == (CUSTOMER, AGENT)
    assert (event.at_ms, event.overlap_ms) == (2_000, 1_000)
    assert event.is_yielded
    assert event.interrupted_turn_id == started(messages)[0].turn_id


def test_who_goes_on_has_not_yielded() -> None:
    (event,) = interruptions(
        say(
            Said(AGENT, 0, 6_000, "let me read you the terms of this contract"),
            Said(CUSTOMER, 2_000, 4_000, "i do not want the terms"),
        )
    )

    assert not event.is_yielded
    assert event.overlap_ms == 2_000


@pytest.mark.parametrize(
    ("agent_ends_ms", "why"), [(2_400, "too short"), (2_480, "still too short")]
)
def test_a_short_overlap_at_a_change_of_turns_is_none(agent_ends_ms: int, why: str) -> None:
    messages = say(
        Said(AGENT, 0, agent_ends_ms, "is that all right"),
        Said(CUSTOMER, 2_000, 5_000, "no that is not what i asked"),
    )

    assert interruptions(messages) == [], why


def test_starting_at_the_same_time_is_none() -> None:
    messages = say(
        Said(AGENT, 0, 3_000, "let me read you the terms"),
        Said(CUSTOMER, 150, 3_000, "can you tell me please"),
    )

    assert interruptions(messages) == []


def test_noise_does_not_interrupt() -> None:
    messages = say(Said(AGENT, 0, 5_000, "let me read this"), Said(CUSTOMER, 2_000, 4_000))

    assert interruptions(messages) == []


def test_noise_is_not_interrupted() -> None:
    messages = say(Said(AGENT, 0, 5_000), Said(CUSTOMER, 2_000, 4_000, "is anybody there"))

    assert interruptions(messages) == []


def test_pauses_of_a_syllable_do_not_hide_one() -> None:
    """The interrupted party stammers on."""
    messages = say(
        Said(AGENT, 0, 2_300, "but the"),
        Said(AGENT, 2_600, 3_000, "terms"),
        Said(CUSTOMER, 2_000, 4_000, "i do not want the terms"),
    )

    (event,) = interruptions(messages)
    assert event.overlap_ms == 700


def test_one_turn_interrupts_another_once() -> None:
    messages = say(
        Said(AGENT, 0, 9_000, "a long explanation"),
        Said(CUSTOMER, 2_000, 3_500, "excuse me please"),
        Said(CUSTOMER, 4_000, 6_000, "excuse me again"),
    )

    assert len(interruptions(messages)) == 1


def test_it_is_decided_as_soon_as_the_words_are_there() -> None:
    """The interrupted party has words already and speaks on."""
    (event,) = interruptions(
        say(
            Said(AGENT, 0, 20_000, "a long explanation that never ends", limit_ms=8_000),
            Said(CUSTOMER, 10_000, 12_000, "excuse me please"),
        )
    )

    assert event.decided_at_ms == 12_400


def test_it_is_decided_as_soon_as_the_overlap_is_long_enough() -> None:
    """Not before the edges of its speech can have come."""
    (event,) = interruptions(
        say(
            Said(AGENT, 0, 20_000, "a long explanation that never ends", limit_ms=8_000),
            Said(CUSTOMER, 10_000, 10_400, "excuse me"),
            Said(CUSTOMER, 10_850, 14_000, "i have a question"),
        )
    )

    assert event.decided_at_ms == 11_200
    assert 500 <= event.overlap_ms < 600


def test_speech_that_ends_just_before_its_edge_comes_is_no_overlap() -> None:
    messages = say(
        Said(AGENT, 0, 10_940, "a long explanation that ends at last", limit_ms=8_000),
        Said(CUSTOMER, 10_000, 10_400, "excuse me"),
        Said(CUSTOMER, 10_850, 14_000, "i have a question"),
    )

    assert interruptions(messages) == []


def test_going_on_after_a_pause_does_not_interrupt_an_answer_in_it() -> None:
    messages = say(
        Said(CUSTOMER, 0, 1_000, "so what i"),
        Said(AGENT, 1_100, 3_000, "yes go ahead please"),
        Said(CUSTOMER, 1_600, 4_000, "wanted to say is this"),
    )

    assert interruptions(messages) == []


def test_who_stammers_has_not_yielded() -> None:
    (event,) = interruptions(
        say(
            Said(AGENT, 0, 2_300, "but the terms say very clearly", limit_ms=8_000),
            Said(AGENT, 2_600, 20_000, "that this is not covered"),
            Said(CUSTOMER, 2_000, 16_000, "i do not want the terms", limit_ms=11_000),
        )
    )

    assert event.decided_at_ms == 11_200
    assert not event.is_yielded


def test_a_short_word_that_silences_the_other_party_is_one() -> None:
    """It is no backchannel, since the other party does not go on."""
    messages = say(Said(AGENT, 0, 2_600, "you have to"), Said(CUSTOMER, 2_000, 2_700, "no"))

    (event,) = interruptions(messages)
    assert event.decided_at_ms == 3_400
    assert event.is_yielded


def test_a_turn_that_falls_silent_to_a_known_interruption_ends_as_interrupted() -> None:
    messages = say(
        Said(AGENT, 0, 20_000, "a long explanation that never seems to end", limit_ms=8_000),
        Said(CUSTOMER, 10_000, 14_000, "excuse me please", limit_ms=12_000),
        Said(CUSTOMER, 14_450, 26_000, "i have to go now"),
    )

    agent, customer = ended(messages)
    assert (agent.reason, customer.reason) == ("interrupted", "silence")

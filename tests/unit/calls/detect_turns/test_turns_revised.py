"""A final revises what earlier segments of its passage say, in open turns and in ended ones."""

from collections.abc import Mapping

import msgspec
import pytest

from schemas.base import Message
from schemas.transcripts import MAX_REVISION_MS
from schemas.turns import TurnRevised
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turns import CallTurns
from tests.support.calls.turn_judges import one
from tests.support.calls.turn_lanes import CALL_ID, CUSTOMER, Said, lane, revising
from tests.support.calls.turn_runs import ended, run

NUMBER = Said(CUSTOMER, 1_000, 2_000, "my numb her is")
DIGITS = Said(CUSTOMER, 2_600, 3_200, "five")
LATER = Said(CUSTOMER, 6_000, 7_000, "thank you")


def heard(texts: Mapping[int, Mapping[int, str]], *said: Said) -> list[Message]:
    """Return what comes of a call whose finals revise segments, by their starts."""
    return run(revising(lane(said), CUSTOMER, texts))


def revisions(messages: list[Message]) -> list[TurnRevised]:
    return [message for message in messages if isinstance(message, TurnRevised)]


def test_a_segment_of_the_open_turn_has_its_new_words_at_once() -> None:
    messages = heard({2_600: {1_000: "my number is"}}, NUMBER, DIGITS)

    (turn,) = ended(messages)
    assert (turn.text, turn.words) == ("my number is five", 4)
    assert not revisions(messages)


def test_the_end_of_a_turn_is_judged_by_the_new_words() -> None:
    topic = revising(lane([NUMBER, DIGITS]), CUSTOMER, {2_600: {1_000: "my number is"}})
    judge = one({"my number is five": 0.9}, otherwise=0.1)

    turns = ended(run(topic, CallTurns(CALL_ID, TurnConfig(), router=judge)))

    assert [turn.probability for turn in turns] == [0.9]


def test_a_turn_that_has_ended_is_revised_by_a_message_of_its_own() -> None:
    messages = heard({6_000: {1_000: "my number is", 2_600: "five nine"}}, NUMBER, DIGITS, LATER)

    first, second = ended(messages)
    (revision,) = revisions(messages)
    assert (first.text, second.text) == ("my numb her is five", "thank you")
    assert (revision.turn_id, revision.text) == (first.turn_id, "my number is five nine")
    assert (revision.words, revision.at_ms) == (5, 7_400)


def test_words_that_stay_as_they_were_revise_nothing() -> None:
    texts = {6_000: {1_000: "my numb her is", 2_600: "five"}}

    assert not revisions(heard(texts, NUMBER, DIGITS, LATER))


def test_a_segment_may_lose_its_words() -> None:
    """They were those of the other party, heard as an echo."""
    messages = heard({6_000: {1_000: "", 2_600: "five"}}, NUMBER, DIGITS, LATER)

    (revision,) = revisions(messages)
    assert (revision.text, revision.words) == ("five", 1)


def test_words_found_in_a_segment_without_any_go_to_the_turn_before() -> None:
    noise = Said(CUSTOMER, 4_500, 5_000)

    messages = heard({6_000: {1_000: "my numb her is", 4_500: "um"}}, NUMBER, noise, LATER)

    (revision,) = revisions(messages)
    assert revision.text == "my numb her is um"
    assert [turn.text for turn in ended(messages)] == ["my numb her is", "thank you"]


def test_words_found_before_the_first_turn_begin_that_turn() -> None:
    noise = Said(CUSTOMER, 500, 900)

    messages = heard({6_000: {500: "hello"}}, noise, LATER)

    assert [turn.text for turn in ended(messages)] == ["hello thank you"]


def test_words_found_in_several_segments_stand_in_the_order_of_their_audio() -> None:
    """Each used to go before all that were there."""
    early = (Said(CUSTOMER, 500, 900), Said(CUSTOMER, 1_500, 1_900), Said(CUSTOMER, 2_500, 2_900))

    messages = heard({6_000: {500: "yes", 1_500: "hello", 2_500: "again"}}, *early, LATER)

    assert [turn.text for turn in ended(messages)] == ["yes hello again thank you"]


def test_words_found_between_two_segments_of_a_turn_stand_between_them() -> None:
    silent = Said(CUSTOMER, 2_500, 2_900)
    last = Said(CUSTOMER, 3_400, 3_800, "five")

    messages = heard({3_400: {2_500: "four"}}, NUMBER, silent, last)
    again = heard({6_000: {2_500: "four"}}, NUMBER, silent, last, LATER)

    assert [turn.text for turn in ended(messages)] == ["my numb her is four five"]
    assert [revision.text for revision in revisions(again)] == ["my numb her is four five"]


def test_noise_behind_a_turn_may_revise_it() -> None:
    noise = Said(CUSTOMER, 6_000, 7_000)

    messages = heard({6_000: {1_000: "my number is"}}, NUMBER, noise)

    assert [revision.text for revision in revisions(messages)] == ["my number is"]


@pytest.mark.parametrize(("late_ms", "count"), [(-1_000, 1), (1_000, 0)])
def test_ended_turns_are_remembered_as_long_as_a_passage_may_reach(
    late_ms: int, count: int
) -> None:
    start_ms = NUMBER.end_ms + MAX_REVISION_MS + late_ms
    late = Said(CUSTOMER, start_ms, start_ms + 1_000, "thank you")

    messages = heard({start_ms: {1_000: "my number is"}}, NUMBER, late)

    assert len(revisions(messages)) == count


def test_a_final_that_comes_twice_revises_once() -> None:
    topic = revising(lane([NUMBER, LATER]), CUSTOMER, {6_000: {1_000: "my number is"}})
    machine = CallTurns(CALL_ID, TurnConfig())
    finals = [message for message in topic if getattr(message, "start_ms", -1) == LATER.start_ms]

    messages = run([*topic[:-1], *map(msgspec.structs.replace, finals), topic[-1]], machine)

    assert len(revisions(messages)) == 1
    assert (machine.counters.duplicates, machine.counters.duplicate_mismatch) == (1, 0)

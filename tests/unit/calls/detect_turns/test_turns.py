from schemas.turns import CallTurnsComplete
from tests.support.calls.turn_lanes import (
    AGENT,
    CUSTOMER,
    Said,
    activity,
    captured_at_ns,
    final,
    lane,
    number,
    transcribed,
)
from tests.support.calls.turn_runs import ended, run, say, started


def test_a_turn_ends_when_the_silence_is_long_enough() -> None:
    (turn,) = ended(say(Said(AGENT, 1_000, 3_000, "good morning")))

    assert (turn.start_ms, turn.end_ms, turn.at_ms) == (1_000, 3_000, 3_700)
    assert (turn.text, turn.words, turn.reason) == ("good morning", 2, "silence")
    assert [(span.start_ms, span.end_ms) for span in turn.speech] == [(1_000, 3_000)]


def test_a_turn_is_published_with_its_first_words() -> None:
    """Before that it may be noise."""
    (turn,) = started(say(Said(AGENT, 1_000, 3_000, "good morning")))

    assert (turn.start_ms, turn.at_ms) == (1_000, 3_400)
    assert turn.party == "agent"


def test_a_pause_shorter_than_the_silence_keeps_the_turn_open() -> None:
    """A breath is not an end of turn."""
    (turn,) = ended(
        say(Said(AGENT, 1_000, 2_000, "my number is"), Said(AGENT, 2_600, 3_000, "five"))
    )

    assert turn.text == "my number is five"
    assert len(turn.segment_ids) == 2
    assert [(span.start_ms, span.end_ms) for span in turn.speech] == [
        (1_000, 2_000),
        (2_600, 3_000),
    ]


def test_a_pause_longer_than_the_silence_makes_two_turns() -> None:
    first, second = ended(
        say(Said(AGENT, 1_000, 2_000, "hello"), Said(AGENT, 3_000, 4_000, "there"))
    )

    assert (first.text, second.text) == ("hello", "there")
    assert first.turn_id != second.turn_id


def test_a_segment_that_was_cut_for_its_length_does_not_end_the_turn() -> None:
    (turn,) = ended(say(Said(AGENT, 0, 20_000, "a very long story", limit_ms=11_500)))

    assert turn.text == "a very long story"
    assert turn.end_ms == 20_000


def test_noise_leaves_no_turn() -> None:
    messages = say(Said(AGENT, 1_000, 2_000), Said(CUSTOMER, 5_000, 9_000, limit_ms=7_000))

    (complete,) = messages
    assert isinstance(complete, CallTurnsComplete)
    assert complete.turns == 0


def test_words_after_noise_begin_the_turn() -> None:
    """Hold music up to the moment the agent comes back is not the agent's turn."""
    (turn,) = ended(say(Said(AGENT, 0, 20_000, "hello", limit_ms=11_000)))

    assert turn.start_ms == 11_000
    assert turn.text == "hello"


def test_words_after_the_cut_of_noise_begin_the_turn() -> None:
    """The speech had ended already when the limit fell due."""
    cut = final(AGENT, 0, 11_000, 12_050, "", cut="limit")
    rest = final(AGENT, 11_000, 11_900, 12_300, "hello")

    (turn,) = ended(run(lane([Said(AGENT, 0, 11_900, final=False)], extra=[cut, rest])))

    assert (turn.start_ms, turn.end_ms) == (11_000, 11_900)


def test_speech_that_goes_on_after_the_cut_of_noise_belongs_to_one_turn() -> None:
    cut = final(AGENT, 0, 11_000, 12_050, "", cut="limit")
    rest = final(AGENT, 11_000, 13_000, 13_400, "hello there")
    said = [Said(AGENT, 0, 11_900, final=False), Said(AGENT, 12_150, 13_000, final=False)]

    (turn,) = ended(run(lane(said, extra=[cut, rest])))

    assert (turn.start_ms, turn.end_ms) == (11_000, 13_000)


def test_speech_reported_anew_does_not_count_twice() -> None:
    """After a cut at the limit the old begin of speech may be reported again."""
    messages = number(
        [
            activity(AGENT, "start", 96, 0, is_speech=True),
            activity(AGENT, "end", 2_128, 2_000, is_speech=False),
            activity(AGENT, "start", 2_400, 0, is_speech=True),
            final(AGENT, 0, 3_000, 3_100, "hello", cut="end"),
        ]
    )

    (turn,) = ended(run([*messages, transcribed(3_100)]))

    assert [(span.start_ms, span.end_ms) for span in turn.speech] == [(0, 2_000), (2_400, 3_000)]


def test_speech_after_an_unreported_silence_is_another_turn() -> None:
    messages = number(
        [
            activity(AGENT, "start", 96, 0, is_speech=True),
            activity(AGENT, "end", 1_128, 1_000, is_speech=False),
            final(AGENT, 0, 1_000, 1_400, "hello"),
            activity(AGENT, "start", 30_096, 30_000, is_speech=True),
        ]
    )

    (turn,) = ended(run(messages))

    assert (turn.end_ms, turn.at_ms) == (1_000, 30_096)


def test_a_turn_waits_for_a_final_that_is_still_to_come() -> None:
    """With segments that end later than turns, the words decide."""
    (turn,) = ended(run(lane([Said(AGENT, 0, 1_000, "wait for me")], pause_ms=1_500)))

    assert (turn.at_ms, turn.reason, turn.text) == (2_500, "silence", "wait for me")


def test_a_final_reaches_up_to_the_pause_that_ended_it() -> None:
    """However closely it was trimmed."""
    trimmed = final(AGENT, 100, 900, 1_400, "hello")

    (turn,) = ended(run(lane([Said(AGENT, 0, 1_000, final=False)], extra=[trimmed])))

    assert (turn.at_ms, turn.reason) == (1_700, "silence")


def test_the_ceiling_ends_a_turn_whose_final_does_not_come() -> None:
    said = [Said(AGENT, 0, 1_000, "first"), Said(AGENT, 1_500, 2_000, "second", final=False)]

    (turn,) = ended(run(lane(said)))

    assert (turn.at_ms, turn.reason, turn.text) == (5_000, "ceiling", "first")


def test_words_that_come_after_the_ceiling_get_a_turn_of_their_own() -> None:
    said = [Said(AGENT, 0, 1_000, "first"), Said(AGENT, 1_500, 2_000, "second", final=False)]
    late = final(AGENT, 1_500, 2_000, 5_200, "second")

    first, second = ended(run(lane(said, extra=[late])))

    assert (first.text, second.text) == ("first", "second")
    assert first.turn_id != second.turn_id
    assert second.start_ms >= first.end_ms


def test_a_stall_ends_open_turns() -> None:
    """The audio stops in mid-speech."""
    messages = number(
        [
            activity(AGENT, "start", 96, 0, is_speech=True),
            final(AGENT, 0, 900, 1_000, "are you", cut="stall"),
            activity(AGENT, "stall", 1_000, 900, is_speech=False),
        ]
    )

    (turn,) = ended(run(messages))

    assert (turn.reason, turn.text, turn.end_ms, turn.at_ms) == ("stall", "are you", 900, 1_000)


def test_the_end_of_the_call_ends_open_turns() -> None:
    messages = run(
        [
            *number(
                [
                    activity(AGENT, "start", 96, 0, is_speech=True),
                    activity(CUSTOMER, "start", 196, 100, is_speech=True),
                    final(AGENT, 0, 900, 1_000, "goodbye", cut="end"),
                    final(CUSTOMER, 100, 950, 1_000, "bye", cut="end"),
                ]
            ),
            transcribed(1_000),
        ]
    )

    assert [(turn.reason, turn.text, turn.end_ms) for turn in ended(messages)] == [
        ("call_ended", "goodbye", 900),
        ("call_ended", "bye", 950),
    ]
    assert isinstance(messages[-1], CallTurnsComplete)
    assert messages[-1].turns == 2


def test_every_turn_that_starts_ends_once() -> None:
    messages = say(
        Said(AGENT, 0, 4_000, "how can i help you"),
        Said(CUSTOMER, 3_000, 6_000, "my phone is broken"),
        Said(AGENT, 4_500, 4_900),
        Said(AGENT, 7_000, 7_400, "okay"),
    )

    assert {turn.turn_id for turn in started(messages)} == {
        turn.turn_id for turn in ended(messages)
    }
    assert len(started(messages)) == len(ended(messages)) == 3


def test_captures_are_those_of_the_audio_in_question() -> None:
    messages = say(Said(AGENT, 1_000, 3_000, "good morning"))

    assert started(messages)[0].captured_at_ns == captured_at_ns(1_096)
    assert ended(messages)[0].captured_at_ns == captured_at_ns(3_128)


def test_a_very_long_turn_is_split_so_that_its_state_stays_small() -> None:
    """Two minutes without a pause of 700 ms."""
    said = [Said(AGENT, at_ms, at_ms + 9_500, "on and on") for at_ms in range(0, 600_000, 10_000)]

    turns = ended(run(lane(said)))

    assert len(turns) == 5
    assert sum(turn.words for turn in turns) == 3 * 60
    assert all(turn.reason == "ceiling" for turn in turns[:-1])


def test_a_turn_is_split_in_mid_speech_without_a_gap() -> None:
    """Ten minutes without a breath."""
    cuts = [
        final(AGENT, end_ms - 10_000, end_ms, end_ms + 500, "on and on", cut="limit")
        for end_ms in range(10_000, 600_000, 10_000)
    ]

    turns = ended(run(lane([Said(AGENT, 0, 600_000, final=False)], extra=cuts)))

    assert [turn.start_ms for turn in turns[1:]] == [turn.end_ms for turn in turns[:-1]]
    assert sum(span.end_ms - span.start_ms for turn in turns for span in turn.speech) == 600_000
    assert len(turns) == 5

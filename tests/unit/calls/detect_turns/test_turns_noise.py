"""Sound without words in a turn: it holds the turn open, and nobody speaks in it."""

from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptTopicMessage
from schemas.turns import SpeechSpan
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turns import CallTurns
from tests.support.calls.turn_lanes import CALL_ID, CUSTOMER, Said, lane, revising
from tests.support.calls.turn_runs import commits, ended, run, say

QUESTION = Said(CUSTOMER, 1_000, 2_000, "my number is")
BREATH = Said(CUSTOMER, 2_500, 2_900, "")
DIGITS = Said(CUSTOMER, 3_400, 4_000, "five")


def span(start_ms: int, end_ms: int) -> SpeechSpan:
    return SpeechSpan(start_ms=start_ms, end_ms=end_ms)


def test_a_breath_between_words_is_no_speech_of_the_turn() -> None:
    (turn,) = ended(say(QUESTION, BREATH, DIGITS))

    assert turn.text == "my number is five"
    assert turn.speech == (span(1_000, 2_000), span(3_400, 4_000))


def test_a_turn_ends_with_its_last_words_and_not_with_the_noise_after_them() -> None:
    (turn,) = ended(say(QUESTION, BREATH))

    assert (turn.end_ms, turn.speech) == (2_000, (span(1_000, 2_000),))
    assert turn.at_ms > BREATH.end_ms  # the noise held it open


def test_noise_in_which_a_later_final_finds_words_is_speech() -> None:
    topic = revising(lane([QUESTION, BREATH, DIGITS]), CUSTOMER, {3_400: {2_500: "oh"}})

    (turn,) = ended(run(topic))

    assert turn.text == "my number is oh five"
    assert turn.speech[1] == span(2_500, 2_900)


def test_a_worker_that_takes_over_anywhere_writes_the_same_turn() -> None:
    topic: list[TranscriptTopicMessage] = list(lane([QUESTION, BREATH, DIGITS]))
    (whole,) = ended(run(topic))
    saved: Checkpoint | None = None
    machine = CallTurns(CALL_ID, TurnConfig())
    taken_over = 0

    for offset, message in enumerate(topic):
        if saved is not None:
            turns = ended(run(topic[offset:], CallTurns.restore(saved, TurnConfig())))
            assert turns in ([whole], [])  # none once its end was written
            taken_over += bool(turns)
        for commit in commits(machine.feed(message, offset)):
            saved = commit.checkpoint or saved
        if saved is not None and saved.is_closed:
            break

    assert taken_over > 10

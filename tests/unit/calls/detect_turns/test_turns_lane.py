import msgspec

from schemas.transcripts import SpeechActivity, TranscriptTopicMessage
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import Judgement
from stream_app.calls.detect_turns.lane_reader import REMEMBERED
from stream_app.calls.detect_turns.turns import CallTurns
from tests.support.calls.turn_lanes import AGENT, CALL_ID, Said, activity, lane, number, transcribed
from tests.support.calls.turn_runs import commits, ended, run


def test_duplicates_are_dropped_and_counted() -> None:
    messages = lane([Said(AGENT, 0, 1_000, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig())

    twice = run([*messages[:8], *messages[2:8], *messages[8:]], machine)

    assert twice == run(messages)
    assert machine.counters.duplicates == 6
    assert machine.counters.duplicate_mismatch == 0
    assert machine.counters.lane_holes == 0


def test_a_duplicate_captured_at_another_time_is_no_mismatch() -> None:
    messages = lane([Said(AGENT, 0, 1_000, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig())
    again = msgspec.structs.replace(messages[2], captured_at_ns=1)

    run([*messages[:8], again], machine)

    assert machine.counters.duplicate_mismatch == 0


def test_a_duplicate_with_other_content_is_a_mismatch() -> None:
    messages = lane([Said(AGENT, 0, 1_000, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig())
    first = messages[2]
    assert isinstance(first, SpeechActivity)

    run([*messages[:8], msgspec.structs.replace(first, at_ms=first.at_ms + 1)], machine)

    assert machine.counters.duplicate_mismatch == 1


def test_a_hole_is_counted_and_the_call_goes_on() -> None:
    messages = lane([Said(AGENT, 0, 1_000, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig())

    (turn,) = ended(run([*messages[:3], *messages[5:]], machine))

    assert machine.counters.lane_holes == 2
    assert turn.text == "hello"


def test_a_tail_that_never_came_is_a_hole() -> None:
    machine = CallTurns(CALL_ID, TurnConfig())
    messages = number([activity(AGENT, "start", 96, 0, is_speech=True)])

    run([*messages, transcribed(1_000, lane_seqs=(3, 1))], machine)

    assert machine.counters.lane_holes == 3


def test_after_a_restore_the_first_jump_of_a_channel_is_no_hole() -> None:
    """Ticks that changed nothing were acknowledged without a checkpoint; a second one is."""
    messages = lane([Said(AGENT, 0, 9_000, "hello")])
    first = commits(CallTurns(CALL_ID, TurnConfig()).feed(messages[0], 0))[0].checkpoint
    assert first is not None
    machine = CallTurns.restore(first, TurnConfig())

    run(messages[5:10], machine)
    assert machine.counters.lane_holes == 0

    run(messages[13:], machine)
    assert machine.counters.lane_holes == 3


def test_events_after_the_end_are_dropped_and_counted() -> None:
    messages = lane([Said(AGENT, 0, 1_000, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig())

    emitted = run([*messages, *messages], machine)

    assert emitted == run(messages)
    assert machine.counters.late_events == len(messages)
    assert machine.is_closed


def test_the_memory_of_what_came_is_bounded() -> None:
    """An old duplicate is recognised by its number alone."""
    messages = lane([Said(AGENT, 0, 60_000, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig())
    first = messages[0]
    assert isinstance(first, SpeechActivity)

    run([*messages[:400], msgspec.structs.replace(first, at_ms=first.at_ms + 1)], machine)

    assert machine.counters.duplicates == 1
    assert machine.counters.duplicate_mismatch == 0
    assert len(machine._lanes._contents[AGENT]) == REMEMBERED


def test_the_shell_can_drive_it() -> None:
    machine: CallMachine[TranscriptTopicMessage, Judgement] = CallTurns(CALL_ID, TurnConfig())

    assert not machine.is_closed

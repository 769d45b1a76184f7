"""An input is acknowledged once neither its audio nor its turn is needed any more."""

from stream_app.calls.transcribe.input.call_facts import CallFacts
from stream_app.calls.transcribe.input.held_chunks import HeldInput
from stream_app.calls.transcribe.input.pending_inputs import (
    InputPoint,
    PendingInput,
    PendingInputs,
)
from stream_app.calls.transcribe.input.sequence_point import SequencePoint


def state(offset: int, *held: int) -> PendingInput:
    """Return the state before an input, in which the inputs at these offsets wait."""
    waiting = tuple(HeldInput(each, 0) for each in held)
    return PendingInput(offset, CallFacts(), SequencePoint(), waiting)


def inputs(*ends: int) -> PendingInputs:
    """Return inputs from offset 0 on that released audio up to these positions."""
    pending = PendingInputs(InputPoint(resume_offset=0))
    for offset, end in enumerate(ends):
        pending.add(state(offset))
        pending.extend(end)
    return pending


def test_inputs_are_done_in_order_up_to_the_first_whose_audio_is_needed() -> None:
    pending = inputs(100, 200, 300)

    done = pending.pop(200)

    assert [each.offset for each in done] == [0, 1]
    assert pending.acknowledge(done, state(2)) == (0, 1)
    assert pending.pop(200) == []


def test_an_input_without_audio_is_not_done_before_those_ahead_of_it() -> None:
    assert [each.offset for each in inputs(100, 0).pop(50)] == []


def test_a_chunk_that_waits_for_its_turn_is_not_acknowledged() -> None:
    """It is read again after a crash, although later inputs are done."""
    pending = inputs(0, 100, 100)

    assert pending.acknowledge(pending.pop(100), state(3, 0)) == (1, 2)
    assert pending.acknowledge([], state(3)) == (0,)


def test_a_chunk_that_waited_at_a_takeover_is_acknowledged_once_it_is_done() -> None:
    pending = PendingInputs(InputPoint(resume_offset=5, held=(HeldInput(3, 0),)))
    pending.add(state(5, 3))

    assert pending.acknowledge(pending.pop(0), state(6)) == (3, 5)


def test_the_input_that_comes_again_is_neither_done_nor_skipped() -> None:
    pending = inputs(100, 100)

    done = pending.pop_all(before=1)

    assert [each.offset for each in done] == [0]
    assert pending.next_offset == 1
    assert pending.oldest() is None


def test_a_point_names_the_first_input_that_is_needed_and_the_digests_before_it() -> None:
    pending = PendingInputs(InputPoint(resume_offset=0))
    first = state(0)
    first.digest = 7
    pending.add(first)
    pending.acknowledge(pending.pop(0), state(1))

    point = pending.point(state(1, 4))

    assert (point.resume_offset, point.held) == (1, (HeldInput(4, 0),))
    assert point.seen == (7).to_bytes(4, "little")

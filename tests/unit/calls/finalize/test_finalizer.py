from collections.abc import Iterable, Sequence
from time import perf_counter

import msgspec
import pytest

from schemas.base import CallContext, Message, Party
from schemas.codec import encode_json
from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint
from schemas.transcripts import CallSummary
from schemas.turns import (
    CallTurnsComplete,
    FinalizedCall,
    Interruption,
    SpeechSpan,
    TurnEnded,
    TurnRevised,
    TurnStarted,
    TurnTopicMessage,
)
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.effects import Commit, Effect, Emit
from stream_app.calls.finalize.finalizer import CallFinalizer, FinalizeConfig
from stream_app.calls.first_offset import first_offset

CALL_ID = "call-1"
PARTIES: tuple[Party, ...] = ("agent", "customer")
THREE_HOURS_MS = 3 * 3_600_000
FOUR_MB = 4_000_000


def started(channel: int, start_ms: int) -> TurnStarted:
    return TurnStarted(
        event_id=f"{CALL_ID}/turn_started/{channel}/{start_ms}",
        call_id=CALL_ID,
        captured_at_ns=start_ms,
        turn_id=f"{CALL_ID}/turn/{channel}/{start_ms}",
        channel=channel,
        party=PARTIES[channel],
        start_ms=start_ms,
        at_ms=start_ms + 500,
    )


def ended(channel: int, start_ms: int, end_ms: int, text: str = "hello") -> TurnEnded:
    return TurnEnded(
        event_id=f"{CALL_ID}/turn_ended/{channel}/{start_ms}",
        call_id=CALL_ID,
        captured_at_ns=end_ms,
        turn_id=f"{CALL_ID}/turn/{channel}/{start_ms}",
        channel=channel,
        party=PARTIES[channel],
        start_ms=start_ms,
        end_ms=end_ms,
        at_ms=end_ms + 700,
        text=text,
        segment_ids=(f"{CALL_ID}/segment/{channel}/{start_ms}",),
        words=len(text.split()),
        speech=(SpeechSpan(start_ms=start_ms, end_ms=end_ms),),
        reason="silence",
    )


def interruption(at_ms: int) -> Interruption:
    return Interruption(
        event_id=f"{CALL_ID}/interruption/1/{at_ms}",
        call_id=CALL_ID,
        captured_at_ns=at_ms,
        channel=1,
        party="customer",
        interrupted_channel=0,
        interrupted_turn_id="",
        at_ms=at_ms,
        decided_at_ms=at_ms + 600,
        overlap_ms=600,
        is_yielded=True,
    )


def revised(channel: int, start_ms: int, at_ms: int, text: str) -> TurnRevised:
    return TurnRevised(
        event_id=f"{CALL_ID}/turn_revised/{channel}/{start_ms}/{at_ms}",
        call_id=CALL_ID,
        captured_at_ns=at_ms,
        turn_id=f"{CALL_ID}/turn/{channel}/{start_ms}",
        channel=channel,
        party=PARTIES[channel],
        at_ms=at_ms,
        text=text,
        words=len(text.split()),
    )


def complete(turns: int, at_ms: int = 60_000) -> CallTurnsComplete:
    return CallTurnsComplete(
        event_id=f"{CALL_ID}/call_turns_complete",
        call_id=CALL_ID,
        captured_at_ns=at_ms,
        at_ms=at_ms,
        turns=turns,
        summary=CallSummary(
            parties=PARTIES,
            duration_ms=at_ms,
            end_reason="completed",
            context=CallContext(queue="sales"),
            models={"asr": "tiny@1"},
        ),
    )


CALL: tuple[TurnTopicMessage, ...] = (
    started(0, 1_000),
    ended(0, 1_000, 5_000, "how can i help you"),
    started(1, 4_000),
    interruption(4_000),
    ended(1, 4_000, 9_000, "it does not work"),
    complete(2),
)


def finalizer(max_bytes: int = FinalizeConfig().max_bytes) -> CallFinalizer:
    return CallFinalizer(CALL_ID, FinalizeConfig(max_bytes=max_bytes))


def feed(
    machine: CallFinalizer, messages: Iterable[TurnTopicMessage], first: int = 0
) -> list[Effect]:
    effects: list[Effect] = []
    for offset, message in enumerate(messages, start=first):
        effects.extend(machine.feed(message, offset))
    return effects


def emitted(effects: Iterable[Effect]) -> list[Message]:
    return [effect.message for effect in effects if isinstance(effect, Emit)]


def finalized(
    messages: Iterable[TurnTopicMessage], max_bytes: int = FinalizeConfig().max_bytes
) -> FinalizedCall:
    (call,) = emitted(feed(finalizer(max_bytes), messages))
    assert isinstance(call, FinalizedCall)
    return call


def checkpoints(effects: Iterable[Effect]) -> list[Checkpoint]:
    found = [effect.checkpoint for effect in effects if isinstance(effect, Commit)]
    return [checkpoint for checkpoint in found if checkpoint]


def test_a_call_is_finalized_with_all_its_turns() -> None:
    call = finalized(CALL)

    assert [turn.text for turn in call.turns] == ["how can i help you", "it does not work"]
    assert call.turns[0].segment_ids == ("call-1/segment/0/1000",)
    assert call.metrics.interruptions == 1
    assert call.metrics.overlap_ms == 1_000
    assert (call.end_reason, call.context.queue) == ("completed", "sales")
    assert call.models == {"asr": "tiny@1"}
    assert call.event_id == "call-1/finalized"
    assert call.captured_at_ns == 60_000


def test_turns_stand_in_the_order_in_which_they_began() -> None:
    """The longer turn that began first ends last."""
    call = finalized([ended(1, 4_000, 5_000, "yes"), ended(0, 1_000, 9_000), complete(2)])

    assert [turn.start_ms for turn in call.turns] == [1_000, 4_000]


def test_a_call_without_turns_is_finalized() -> None:
    call = finalized([complete(0)])

    assert call.turns == ()
    assert call.metrics.silence_ms == 60_000


def test_the_first_message_checkpoints_its_offset_and_every_one_is_acknowledged() -> None:
    machine = finalizer()

    effects = feed(machine, CALL, first=40)

    commits = [effect for effect in effects if isinstance(effect, Commit)]
    assert [commit.offsets for commit in commits] == [(offset,) for offset in range(40, 46)]
    opened, closed = checkpoints(effects)
    assert (opened.position, opened.is_closed, opened.state) == ((0,), False, {"first_offset": 40})
    assert (closed.position, closed.is_closed, closed.state) == ((1,), True, {"end_offset": 45})
    assert isinstance(effects[-2], Emit)
    assert machine.is_closed


def test_a_takeover_after_any_message_gives_the_same_call() -> None:
    expected = encode_json(finalized(CALL))

    for k in range(1, len(CALL)):
        (checkpoint,) = checkpoints(feed(finalizer(), CALL[:k]))
        machine = CallFinalizer.restore(checkpoint, FinalizeConfig())
        feed(machine, CALL[first_offset(checkpoint) : k])
        (call,) = emitted(feed(machine, CALL[max(0, k - 2) :], first=k))
        assert encode_json(call) == expected, k
        assert machine.counters.duplicate_mismatch == 0


def test_a_message_that_was_written_twice_counts_once() -> None:
    machine = finalizer()

    (call,) = emitted(feed(machine, [*CALL[:4], *CALL[:5], CALL[5]]))

    assert call == finalized(CALL)
    assert machine.counters.duplicates == 2
    assert machine.counters.duplicate_mismatch == 0


def test_of_two_messages_of_one_id_the_first_wins() -> None:
    machine = finalizer()

    (call,) = emitted(
        feed(machine, [ended(0, 0, 900, "first"), ended(0, 0, 900, "second"), complete(1)])
    )

    assert isinstance(call, FinalizedCall)
    assert [turn.text for turn in call.turns] == ["first"]
    assert machine.counters.duplicate_mismatch == 1


def test_the_latest_revision_of_a_turn_has_its_words() -> None:
    """In whatever order the revisions come: a worker that starts anew writes some of them again."""
    first = revised(1, 4_000, 12_000, "it does not work")
    latest = revised(1, 4_000, 15_000, "it does not work at all")

    for revisions in ([first, latest], [first, latest, first], [latest, first]):
        call = finalized([*CALL[:-1], *revisions, CALL[-1]])
        assert [turn.text for turn in call.turns] == ["how can i help you", latest.text]
        assert call.metrics.words == 11
        assert call.metrics.channels[1].words == 6


def test_another_capture_time_is_no_mismatch() -> None:
    machine = finalizer()
    again = msgspec.structs.replace(ended(0, 0, 900), captured_at_ns=7)

    feed(machine, [ended(0, 0, 900), again])

    assert (machine.counters.duplicates, machine.counters.duplicate_mismatch) == (1, 0)


def test_turns_that_never_came_are_counted() -> None:
    machine = finalizer()

    feed(machine, [ended(0, 0, 900), complete(3)])

    assert machine.counters.missing_turns == 2


def test_the_shell_can_drive_it() -> None:
    machine: CallMachine[TurnTopicMessage, object] = finalizer()

    assert not machine.is_closed
    assert machine.resolve(None) == ()


def test_events_after_the_end_are_dropped_and_counted() -> None:
    machine = finalizer()
    feed(machine, CALL)

    effects = feed(machine, CALL, first=6)

    assert emitted(effects) == []
    assert checkpoints(effects) == []
    assert machine.counters.late_events == len(CALL)


def test_a_closed_checkpoint_has_no_offset_to_read_from() -> None:
    *_, closed = checkpoints(feed(finalizer(), CALL))

    with pytest.raises(MalformedMessageError, match="no offset"):
        first_offset(closed)


def test_a_call_of_three_hours_is_finalized_at_once() -> None:
    """10,800 s, a turn every 1.5 s, 27,000 words."""
    messages = _long_call(turns=7_200, text="four words a turn")
    begun = perf_counter()

    call = finalized(messages)

    assert perf_counter() - begun < 5.0  # quadratic work would take minutes
    assert len(call.turns) == 7_200
    assert not call.is_abridged
    assert len(encode_json(call)) < FOUR_MB
    assert call.metrics.duration_ms == THREE_HOURS_MS


def test_a_call_too_long_for_a_message_is_abridged_and_says_so() -> None:
    messages = _long_call(turns=7_200, text="word " * 200)

    call = finalized(messages)

    assert call.is_abridged
    assert len(encode_json(call)) <= FOUR_MB
    assert call.turns[0].start_ms == 0
    assert call.turns[-1].start_ms == _start_ms(7_199, 7_200)
    assert call.metrics.words == 7_200 * 200


def test_the_segment_ids_go_before_any_turn_does() -> None:
    full = len(encode_json(finalized(CALL)))

    call = finalized(CALL, max_bytes=full - 1)

    assert call.is_abridged
    assert [turn.segment_ids for turn in call.turns] == [(), ()]
    assert [turn.text for turn in call.turns] == ["how can i help you", "it does not work"]


@pytest.mark.parametrize(("max_bytes", "abridged"), [(FOUR_MB, 0), (1, 1)])
def test_an_abridged_call_is_counted(max_bytes: int, abridged: int) -> None:
    machine = finalizer(max_bytes=max_bytes)

    feed(machine, CALL)

    assert machine.counters.abridged_calls == abridged


def test_even_a_bound_that_nothing_fits_ends() -> None:
    assert finalized(CALL, max_bytes=1).turns == ()


def _start_ms(index: int, turns: int) -> int:
    return index * THREE_HOURS_MS // turns


def _long_call(*, turns: int, text: str) -> Sequence[TurnTopicMessage]:
    said = [
        ended(index % 2, _start_ms(index, turns), _start_ms(index + 1, turns) - 200, text)
        for index in range(turns)
    ]
    return [*said, complete(turns, THREE_HOURS_MS)]

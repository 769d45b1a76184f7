from collections.abc import Iterable

import msgspec

from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptFinal, TranscriptTopicMessage
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.ended_call import EndedCall
from tests.support.calls.turn_lanes import (
    AGENT,
    CALL_ID,
    CUSTOMER,
    Said,
    lane,
    partial,
    revising,
)
from tests.support.calls.turn_runs import commits, ended, run


def test_every_offset_is_committed_at_once() -> None:
    machine = CallTurns(CALL_ID, TurnConfig())
    messages = lane([Said(AGENT, 0, 2_000, "hello there")], extra=[partial(AGENT, 0, 900, "hello")])

    for offset, message in enumerate(messages):
        effects = machine.feed(message, offset)
        assert commits(effects) == [effects[-1]]
        assert commits(effects)[0].offsets == (offset,)


def test_ticks_that_change_nothing_carry_none() -> None:
    machine = CallTurns(CALL_ID, TurnConfig())
    messages = lane([Said(AGENT, 0, 60_000, "hello there")])

    with_checkpoint = [
        message
        for offset, message in enumerate(messages)
        if commits(machine.feed(message, offset))[0].checkpoint
    ]

    assert len(with_checkpoint) == 5  # begin, end, final, end of turn, end of call


def test_positions_grow() -> None:
    positions = [checkpoint.position for checkpoint in _checkpoints(_busy_call(minutes=1))]

    assert positions == sorted(set(positions))
    assert len(positions) > 10


def test_its_size_does_not_grow_with_the_call() -> None:
    sizes = [len(msgspec.json.encode(point)) for point in _checkpoints(_busy_call(minutes=30))]

    assert max(sizes) < 8_000
    assert max(sizes[len(sizes) // 2 :]) < 1.2 * max(sizes[: len(sizes) // 2])


def test_nothing_is_left_of_turns_that_are_over() -> None:
    *_, before_the_end, _ = _checkpoints(_busy_call(minutes=2))

    assert "overlaps" not in before_the_end.state


def test_one_without_the_counts_of_single_segments_goes_on() -> None:
    """A version before kept the sum of a turn's words alone."""
    topic = lane([Said(AGENT, 1_000, 2_000, "my number is"), Said(AGENT, 2_600, 3_200, "five")])
    final = next(n for n, m in enumerate(topic) if isinstance(m, TranscriptFinal))
    machine = CallTurns(CALL_ID, TurnConfig())
    run(topic[: final + 1], machine)
    (point,) = _checkpoints(topic[: final + 1])[-1:]
    (channel,) = msgspec.json.decode(msgspec.json.encode(point.state))["channels"]
    channel["turn"]["words"] = sum(channel["turn"].pop("counts"))
    state = {**point.state, "channels": [channel]}

    former = CallTurns.restore(msgspec.structs.replace(point, state=state), TurnConfig())

    (turn,) = ended(run(topic[final + 1 :], former))
    assert (turn.text, turn.words) == ("my number is five", 4)


def test_one_without_the_starts_of_segments_takes_words_that_are_found_later() -> None:
    """A version before kept no starts: such segments stand before what is found."""
    said = [Said(AGENT, 1_000, 2_000, "my number is"), Said(AGENT, 2_600, 2_900)]
    last = Said(AGENT, 3_300, 3_700, "six")
    topic = revising(lane([*said, last]), AGENT, {3_300: {2_600: "five"}})
    final = next(n for n, m in enumerate(topic) if isinstance(m, TranscriptFinal))
    (point,) = _checkpoints(topic[: final + 1])[-1:]
    (channel,) = msgspec.json.decode(msgspec.json.encode(point.state))["channels"]
    del channel["turn"]["starts_ms"]
    state = {**point.state, "channels": [channel]}

    former = CallTurns.restore(msgspec.structs.replace(point, state=state), TurnConfig())

    (turn,) = ended(run(topic[final + 1 :], former))
    assert turn.text == "my number is five six"


def test_that_of_a_closed_call_says_where_it_ended_and_no_more() -> None:
    messages = lane([Said(AGENT, 0, 1_000, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig())

    last = [commits(machine.feed(m, offset))[0] for offset, m in enumerate(messages)][-1]

    assert last.checkpoint is not None
    assert last.checkpoint.is_closed
    assert last.checkpoint.state == {"end_offset": len(messages) - 1}
    assert machine.ended == EndedCall.from_state(last.checkpoint.state)


def _busy_call(*, minutes: int) -> list[TranscriptTopicMessage]:
    said = []
    for at_ms in range(0, minutes * 60_000, 10_000):
        said.append(Said(AGENT, at_ms, at_ms + 6_000, "so what i wanted to say is this"))
        said.append(Said(CUSTOMER, at_ms + 2_000, at_ms + 2_700, "okay"))
        answer_ms = at_ms + (5_000 if at_ms % 20_000 else 5_800)
        said.append(Said(CUSTOMER, answer_ms, at_ms + 8_900, "but that is not what i want"))
    return lane(said)


def _checkpoints(messages: Iterable[TranscriptTopicMessage]) -> list[Checkpoint]:
    machine = CallTurns(CALL_ID, TurnConfig())
    found = [
        commits(machine.feed(message, offset))[0].checkpoint
        for offset, message in enumerate(messages)
    ]
    return [checkpoint for checkpoint in found if checkpoint]

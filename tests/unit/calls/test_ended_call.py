"""Input under the id of a call that has ended: dropped, or refused with one alert."""

import msgspec
import pytest

from schemas.audio import (
    AudioTopicMessage,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStalled,
    DtmfPressed,
)
from schemas.errors import MalformedMessageError
from schemas.operations import Alert
from stream_app.calls.effects import Commit, Effect, Emit, Refuse
from stream_app.calls.ended_call import EndedCall, is_lost_audio
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import (
    call_ended,
    call_started,
    fingerprint,
    recorded_call,
    recorded_chunks,
    transcriber,
)

CHUNK = recorded_chunks("c", 0, 200, chunk_ms=200)[0]


def take(ended: EndedCall, message: AudioTopicMessage, offset: int) -> list[Effect]:
    return ended.take(message, offset, agent="test", is_refused=is_lost_audio(message))


def alerts(effects: list[Effect]) -> list[Alert]:
    found = [effect.message for effect in effects if isinstance(effect, Emit)]
    return [message for message in found if isinstance(message, Alert)]


def test_what_stands_before_the_end_is_read_again_and_dropped() -> None:
    ended = EndedCall(7)

    for offset in range(8):
        assert take(ended, CHUNK, offset) == [Commit((offset,))]

    assert not ended.has_alerted


def test_only_what_stands_behind_a_failed_call_opens_it_again() -> None:
    failed = EndedCall.from_state(EndedCall(7, is_unanswered=True).to_state())

    assert [failed.is_open_to(offset) for offset in (6, 7, 8)] == [False, False, True]
    assert not EndedCall(7).is_open_to(8)


@pytest.mark.parametrize(
    "message",
    [
        CHUNK,
        call_started("c"),
        CallHeld(event_id="h", call_id="c", captured_at_ns=1, at_ms=1),
        CallResumed(event_id="r", call_id="c", captured_at_ns=1, at_ms=1),
        DtmfPressed(event_id="d", call_id="c", captured_at_ns=1, at_ms=1, channel=0, digit="1"),
    ],
)
def test_what_somebody_says_beyond_the_end_is_refused(message: AudioTopicMessage) -> None:
    effects = take(EndedCall(7), message, 8)

    assert isinstance(effects[0], Refuse)
    assert effects[0].offset == 8
    assert [alert.details for alert in alerts(effects)] == [{"end_offset": "7"}]
    assert effects[-1] == Commit((8,))


@pytest.mark.parametrize(
    "message",
    [call_ended("c"), CallStalled(event_id="s", call_id="c", captured_at_ns=1, after_seq=3)],
)
def test_an_end_or_a_stall_marker_that_comes_late_is_dropped(message: AudioTopicMessage) -> None:
    """Gateways repeat the end, and a worker's own marker may stand behind it."""
    ended = EndedCall(7)

    assert take(ended, message, 8) == [Commit((8,))]


def test_a_call_alerts_once_and_after_a_takeover_with_the_same_id() -> None:
    ended = EndedCall(7)
    first = [alert for offset in range(8, 20) for alert in alerts(take(ended, CHUNK, offset))]
    again = alerts(take(EndedCall.from_state(ended.to_state()), CHUNK, 8))

    assert len(first) == 1
    assert again == first


@pytest.mark.parametrize("state", [{}, {"end_offset": "7"}, {"last_seq": 7}])
def test_a_state_without_an_end_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(MalformedMessageError):
        EndedCall.from_state(state)


@pytest.mark.parametrize("crashes", [(), (40,), (101,), (150,), (30, 90, 30)])
def test_a_call_id_that_is_used_again_costs_the_second_call_only(crashes: tuple[int, ...]) -> None:
    """Each input of the second one is a dead letter, and a crash changes nothing of it."""
    first = recorded_call("c", 0, 20_000, chunk_ms=200)
    second = recorded_call("c", 36_000, 50_000, chunk_ms=200)
    alone, durable = Durable(), Durable()
    Worker([("c", m) for m in first], alone, transcriber, fingerprint).run()
    log = [("c", message) for message in [*first, *second]]
    for messages in (*crashes, None):
        Worker(log, durable, transcriber, fingerprint).run(messages=messages)

    refused = [offset for offset in range(len(first), len(log)) if is_lost_audio(log[offset][1])]
    alerts = {m.event_id for m in durable.outputs if isinstance(m, Alert)}
    kept = {m.event_id: m for m in durable.outputs if not isinstance(m, Alert)}
    assert sorted(set(durable.refused)) == refused
    assert len(refused) == len(second) - 1
    assert len(alerts) == 1
    assert kept == {m.event_id: m for m in alone.outputs}
    assert durable.watermark == len(log)


def test_its_numbers_decide_nothing() -> None:
    """A chunk with a number of the first call is refused as any other."""
    effects = take(EndedCall(7), msgspec.structs.replace(CHUNK, seq=0, start_ms=0), 8)

    assert isinstance(effects[0], Refuse)


def test_a_gateway_that_repeats_the_end_hears_nothing() -> None:
    again = CallEnded(event_id="c/ended", call_id="c", captured_at_ns=1, reason="failed")

    assert not alerts(take(EndedCall(7), again, 8))

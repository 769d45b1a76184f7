"""Facts of a call: each counts once, and their number is limited."""

from itertools import count

import pytest

from schemas.audio import CallHeld, CallResumed, DtmfPressed
from schemas.base import MAX_DTMF_KEYS, MAX_HOLDS
from schemas.errors import MalformedMessageError
from stream_app.calls.effects import Commit
from stream_app.calls.transcribe.input.call_facts import CallFacts
from tests.support.calls.recorded_calls import transcriber

HEADER = {"event_id": "e", "call_id": "c", "captured_at_ns": 1}


def key(at_ms: int, digit: str = "1") -> DtmfPressed:
    return DtmfPressed(at_ms=at_ms, channel=0, digit=digit, **HEADER)  # type: ignore[arg-type]


def test_keys_are_kept_by_time_and_each_once() -> None:
    facts = CallFacts()
    for message in (key(300), key(100), key(300), key(200, "2"), key(200, "1")):
        facts = facts.with_control(message)

    assert [(k.at_ms, k.digit) for k in facts.dtmf] == [
        (100, "1"),
        (200, "1"),
        (200, "2"),
        (300, "1"),
    ]


def test_a_key_too_many_is_refused_and_changes_nothing() -> None:
    machine = transcriber("c")
    offsets = count()
    for at_ms in range(MAX_DTMF_KEYS):
        machine.feed(key(at_ms), next(offsets))

    with pytest.raises(MalformedMessageError, match="at most"):
        machine.feed(key(MAX_DTMF_KEYS), next(offsets))

    (again,) = machine.feed(key(7), next(offsets))
    assert isinstance(again, Commit)


@pytest.mark.parametrize("kind", [CallHeld, CallResumed])
def test_a_hold_too_many_is_refused(kind: type[CallHeld | CallResumed]) -> None:
    facts = CallFacts()
    for at_ms in range(MAX_HOLDS):
        facts = facts.with_control(kind(at_ms=at_ms, **HEADER))  # type: ignore[arg-type]

    with pytest.raises(MalformedMessageError, match="at most"):
        facts.with_control(kind(at_ms=MAX_HOLDS, **HEADER))  # type: ignore[arg-type]
    assert facts.with_control(kind(at_ms=5, **HEADER)) == facts  # type: ignore[arg-type]


def facts_of(*controls: tuple[type[CallHeld | CallResumed], int]) -> CallFacts:
    facts = CallFacts()
    for kind, at_ms in controls:
        facts = facts.with_control(kind(at_ms=at_ms, **HEADER))  # type: ignore[arg-type]
    return facts


def spans(facts: CallFacts, duration_ms: int) -> list[tuple[int, int]]:
    return [(hold.start_ms, hold.end_ms) for hold in facts.holds(duration_ms)]


@pytest.mark.parametrize("resumed_ms", [5_000, 4_990])
def test_a_hold_ends_where_it_begins_if_the_audio_clock_stood_still(resumed_ms: int) -> None:
    """Or if the gateway's clocks of the two differ a little."""
    facts = facts_of((CallHeld, 5_000), (CallResumed, resumed_ms))
    later = facts_of(
        (CallHeld, 5_000), (CallResumed, resumed_ms), (CallHeld, 9_000), (CallResumed, resumed_ms)
    )

    assert not facts.is_on_hold
    assert spans(facts, 60_000) == [(5_000, 5_000)]
    assert later.is_on_hold  # the second end was a repetition of the first
    assert spans(later, 60_000) == [(5_000, 5_000), (9_000, 60_000)]


def test_holds_in_any_order_of_their_messages() -> None:
    """A begin that was lost or late is found among the others by its time."""
    facts = facts_of((CallHeld, 1_000), (CallHeld, 5_000), (CallResumed, 2_000))

    assert facts.is_on_hold
    assert spans(facts, 9_000) == [(1_000, 2_000), (5_000, 9_000)]


def test_holds_lie_within_the_call() -> None:
    facts = facts_of((CallHeld, -1), (CallResumed, 500), (CallHeld, 8_000), (CallResumed, 2**40))

    assert spans(facts, 10_000) == [(0, 500), (8_000, 10_000)]
    assert spans(facts, 6_000) == [(0, 500), (6_000, 6_000)]


def test_time_on_hold_within_a_stretch() -> None:
    facts = facts_of((CallHeld, 1_000), (CallResumed, 2_000), (CallHeld, 5_000))

    assert facts.held_ms(0, 900) == 0
    assert facts.held_ms(1_500, 6_000) == 500 + 1_000


def test_the_thousandth_key_costs_what_the_first_did() -> None:
    """The checkpoint shares the facts; it is written out when it is sent, once for many."""
    machine = transcriber("c")
    for at_ms in range(1_000):
        effects = machine.feed(key(at_ms), at_ms)

    (commit,) = effects
    assert isinstance(commit, Commit)
    assert commit.checkpoint is not None
    point = commit.checkpoint.state["input"]
    assert point.facts is machine._input.facts  # type: ignore[attr-defined]

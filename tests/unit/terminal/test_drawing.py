"""A call on the screen: its messages alone decide what is shown, and it fits."""

from typing import Any

import pytest
from rich.console import Console

from schemas.audio import AudioMessage, CallHeld, CallResumed, CallStalled, DtmfPressed
from schemas.base import Message
from stream_app.live.call_view import CallView, Line
from stream_app.terminal.clock_text import clock_text, whole_seconds_text
from stream_app.terminal.drawing import drawn_line, panel, plain_line
from tests.support.calls.call_messages import (
    CALL,
    activity,
    at_ns,
    chunk,
    final,
    finalized,
    interruption,
    partial,
    predicted_end,
    started,
    turn_ended,
)
from tests.support.calls.drawing import drawn

SIZES = [(80, 24), (200, 50), (40, 10)]
LONG = " ".join(f"word{number}" for number in range(60))


def screen(view: CallView, width: int = 80, height: int = 24, *, colour: bool = False) -> str:
    """Return the changing part of the screen."""
    options = Console(width=width, height=height, _environ={}).options
    return drawn(*panel(view, options), width=width, height=height, colour=colour)


def fed(*messages: Message | AudioMessage) -> tuple[CallView, list[str]]:
    view = CallView(CALL)
    lines = []
    for number, message in enumerate(messages):
        lines += [plain_line(line) for line in view.feed(message, at_ns(100 * number))]
    return view, lines


def test_partial_words_are_shown_and_revised_and_the_final_takes_their_place() -> None:
    view, lines = fed(started(), partial(0, 900, "thank you for coal"))
    assert "thank you for coal" in screen(view)
    assert lines == []

    view.feed(partial(0, 900, "thank you for calling"), 1)
    assert "thank you for calling" in screen(view)
    assert "coal" not in screen(view)

    (line,) = view.feed(final(0, 900, "thank you for calling"), 2)
    assert plain_line(line) == "  0:00.9  agent     thank you for calling"
    assert "calling" not in screen(view)


def test_stable_words_are_bright_and_tentative_ones_dim() -> None:
    view, _ = fed(started(), partial(0, 0, "sure thing maybe", stable_words=2))

    shown = screen(view, colour=True)

    bright, dim = "\x1b[1;36m", "\x1b[2;3m"
    assert f"{bright}sure" in shown
    assert f"{bright}thing" in shown
    assert f"{dim}maybe" in shown


def test_brightness_counts_from_the_start_of_the_segment_even_when_that_is_cut_off() -> None:
    view, _ = fed(started(), partial(0, 0, LONG, stable_words=59))

    shown = screen(view, colour=True)

    assert "word0 " not in shown
    assert "\x1b[1;36mword58" in shown
    assert "\x1b[2;3mword59" in shown


def test_a_partial_after_its_final_is_ignored() -> None:
    """The two lanes are not ordered with each other."""
    view, _ = fed(started(), final(0, 900, "hello"), partial(0, 900, "hallo"))

    assert "hallo" not in screen(view)


def test_a_final_leaves_the_words_of_the_next_segment_alone() -> None:
    view, _ = fed(started(), partial(0, 5000, "next words"), final(0, 900, "hello"))

    assert "next words" in screen(view)


def test_a_final_without_words_adds_no_line() -> None:
    _, lines = fed(started(), final(0, 900, "", words=(), rejected="no_speech"))

    assert lines == []


def test_turns_say_why_and_how_late_they_ended() -> None:
    _, lines = fed(
        started(),
        turn_ended(0, 900, 5243),
        turn_ended(1, 6000, 6300, is_backchannel=True),
        turn_ended(1, 6000, 6300, reason="call_ended"),
    )

    assert lines == [
        "  0:05.9  agent     - end of turn: silence, decided 700 ms after the last sound",
        "  0:07.0  customer  - backchannel",
        "  0:07.0  customer  - end of turn: end of the call",
    ]


def test_a_predicted_end_of_turn_shows_until_it_is_withdrawn_or_comes() -> None:
    view, _ = fed(started(), partial(0, 900, "thank you"), predicted_end(1500))
    assert "end of turn? 90%" in screen(view)

    view.feed(predicted_end(1700, is_withdrawn=True), 3)
    assert "end of turn?" not in screen(view)

    view.feed(predicted_end(1900), 4)
    view.feed(turn_ended(0, 900, 2000), 5)
    assert "end of turn?" not in screen(view)


def test_interruptions_holds_and_keys_are_shown() -> None:
    head: dict[str, Any] = {"call_id": CALL, "captured_at_ns": 0}
    view, lines = fed(
        started(),
        interruption(31_000),
        CallHeld(event_id="h", at_ms=40_000, **head),
        CallResumed(event_id="r", at_ms=52_000, **head),
        DtmfPressed(event_id="d", at_ms=53_000, channel=1, digit="5", **head),
        DtmfPressed(event_id="n", at_ms=53_000, channel=-1, digit="6", **head),
        CallStalled(event_id="s", after_seq=3, **head),
    )

    assert lines == [
        "  0:31.0  customer  - interrupts agent (500 ms of overlap, agent fell silent)",
        "  0:40.0            - on hold",
        "  0:52.0            - hold ended",
        "  0:53.0  customer  - pressed 5",
        "  0:53.0            - pressed 6",
        "  0:53.0            - no audio comes any more",
    ]
    assert not view.is_held
    assert [channel.name for channel in view.channels] == ["agent", "customer"]


def test_the_header_shows_the_clock_and_the_state() -> None:
    view, _ = fed(started(), chunk(0), chunk(100), chunk(12_300))
    assert "call~r" in screen(view)
    assert "0:12.3 of audio, 0:00.3 elapsed, live" in screen(view)

    view.feed(CallHeld(event_id="h", call_id=CALL, captured_at_ns=0, at_ms=12_400), at_ns(400))
    assert "on hold" in screen(view)

    view.feed(finalized(), at_ns(90_000))
    assert "1:21.4 of audio, 1:30.0 elapsed, finalized" in screen(view)


def test_who_speaks_is_marked() -> None:
    view, _ = fed(started(), activity(1, 900, is_speech=True))
    rows = screen(view).splitlines()
    assert "●" not in rows[1]
    assert "● customer" in rows[2]

    view.feed(activity(1, 1900, is_speech=False), 5)
    assert "●" not in screen(view)


def test_another_call_changes_nothing() -> None:
    view, _ = fed(started())
    before = screen(view)

    assert view.feed(final(0, 0, "hello", call_id="other"), at_ns(9999)) == []
    assert screen(view) == before


def test_two_channels_of_one_party_have_two_names() -> None:
    view, _ = fed(started(parties=("agent", "agent", "unknown")))

    shown = screen(view)

    assert "agent " in shown
    assert "agent 1" in shown
    assert "unknown 2" in shown


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_changing_part_fits_on_the_screen(width: int, height: int) -> None:
    view, _ = fed(
        started(),
        partial(0, 900, LONG, stable_words=40),
        partial(1, 900, f"{'x' * 300} {LONG}"),
    )
    view.call_id = "a-very-long-call-id" * 10

    rows = screen(view, width, height).splitlines()

    assert max(len(row) for row in rows) <= width
    assert len(rows) < min(height, 10)
    assert "word59" in "\n".join(rows)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_lines_that_stay_are_indented_below_themselves(width: int, height: int) -> None:
    view = CallView(CALL)
    view.feed(started(), 1)
    (line,) = view.feed(final(0, 900, LONG), 2)

    rows = drawn(drawn_line(line), width=width, height=height).splitlines()

    assert max(len(row) for row in rows) <= width
    assert rows[0].startswith("  0:00.9 agent      word0")
    assert all(row.startswith(" " * 20) for row in rows[1:])
    assert " ".join(" ".join(rows).split()[2:]) == LONG


def test_clocks_are_short() -> None:
    assert clock_text(0) == "0:00.0"
    assert clock_text(3_661_950) == "1:01:01.9"
    assert whole_seconds_text(61_950) == "1:01"


HOSTILE = "wipe \x1b[2J\x1b]2;owned\x1b\\\x9b31m \u202eoff"


def test_words_of_a_call_move_no_cursor_and_name_no_window() -> None:
    """Neither as partial words nor as finals, on a terminal, in a pipe, in the header."""
    view, lines = fed(started(), final(0, 0, HOSTILE), partial(1, 900, HOSTILE))
    line = Line(0, "", f"in {HOSTILE}", is_remark=True)

    assert lines[-1].endswith("wipe  off")
    hostile_id = screen(CallView(f"c\x1b[2J{HOSTILE}"))
    for shown in (screen(view), drawn(drawn_line(line)), hostile_id, plain_line(line)):
        assert not set(shown) & set("\x1b\x9b\u202e\x07")
        assert "wipe" in shown

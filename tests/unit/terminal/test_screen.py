"""Each screen shows its part: JSON lines, plain lines, a terminal."""

import io

import orjson
import pytest
from rich.console import Console
from rich.text import Text

from schemas import catalogue
from stream_app.live.call_view import CallView, Line
from stream_app.terminal.screen import JsonScreen, PlainScreen, TerminalScreen, open_screen
from tests.support.calls.call_messages import CALL, at_ns, chunk, final, partial, started
from tests.support.calls.fake_screen import arrival


def console(*, is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=80, height=24, force_terminal=is_terminal, _environ={})


def written(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def test_json_lines_hold_every_message_but_audio(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    notes = console(is_terminal=False)
    screen = JsonScreen(notes)
    screen.say("starting")
    screen.add(arrival(started(), topic=catalogue.AUDIO), [])
    screen.add(arrival(chunk(0), topic=catalogue.AUDIO), [])
    screen.add(arrival(final(0, 900, "hello"), 2), [Line(0, "", "hello")])

    out, err = capfdbinary.readouterr()

    events = [orjson.loads(line) for line in out.splitlines()]
    assert [event["schema"] for event in events] == ["call_started.v1", "transcript_final.v1"]
    assert events[0]["context"] == {}
    assert events[1]["topic"] == catalogue.TRANSCRIPTS
    assert events[1]["arrived_at_ns"] == at_ns(2)
    assert events[1]["words"][0]["text"] == "hello"
    assert err == b""
    assert written(notes) == "starting\n"


def test_json_lines_hold_nothing_that_a_terminal_obeys(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """Their values are as they came."""
    hostile = "\x9b2J \u202e\x1b[2Jhello"
    notes = console(is_terminal=False)
    screen = JsonScreen(notes)
    screen.add(arrival(final(0, 900, hostile), 2), [])
    screen.note(f"two {hostile}\nlines")

    out = capfdbinary.readouterr().out.decode()

    assert out.rstrip("\n").isprintable()
    assert orjson.loads(out)["text"] == hostile
    assert written(notes) == "two  hello\nlines\n"


def test_without_a_terminal_lines_are_plain_and_never_wrapped() -> None:
    target = console(is_terminal=False)
    screen = open_screen(target, target, is_json=False)
    assert isinstance(screen, PlainScreen)

    screen.add(arrival(None), [Line(900, "agent", "word [bold]x[/] " * 30, "agent")])
    screen.show([CallView(CALL)])
    screen.say("waiting")
    screen.say("waiting")
    screen.close()

    first, last = written(target).splitlines()
    assert first.startswith("  0:00.9  agent     word [bold]x[/] word")
    assert last == "waiting"
    assert "\x1b" not in first


def test_a_terminal_ends_with_the_report_and_its_cursor() -> None:
    target = console(is_terminal=True)
    screen = open_screen(target, target, is_json=False)
    assert isinstance(screen, TerminalScreen)
    view = CallView(CALL)
    view.feed(started(), 1)
    view.feed(partial(0, 900, "hello there"), 2)

    screen.show([view])
    screen.conclude(Text("1 of 2 words"), {})
    screen.close()

    shown = written(target)
    assert shown.rstrip().endswith("1 of 2 words")
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def test_the_last_words_remain_where_there_is_no_report() -> None:
    target = console(is_terminal=True)
    screen = TerminalScreen(target)
    view = CallView(CALL)
    view.feed(started(), 1)
    view.feed(partial(0, 900, "hello there"), 2)

    screen.show([view])
    screen.close()

    assert "hello" in written(target)


def test_json_is_what_was_asked_for_on_a_terminal_too() -> None:
    assert isinstance(
        open_screen(console(is_terminal=True), console(is_terminal=True), is_json=True), JsonScreen
    )

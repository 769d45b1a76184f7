"""A demo ends with a report, or with one clear failure; screens show what is theirs to show."""

import io
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from schemas.errors import AudioFormatError, BrokerError, CallstreamError
from stream_app import topics
from stream_app.demo.following import Arrival
from stream_app.demo.latencies import LatencyMeter
from stream_app.demo.report import Report
from stream_app.demo.screen import JsonScreen, PlainScreen, TerminalScreen, open_screen
from stream_app.demo.session import DEMO_CALL, DemoSession, load_call
from stream_app.demo.stage import Stage
from stream_app.demo.watching import MAX_CALLS, Watch
from stream_app.demo.word_errors import WordErrors
from stream_app.live_view import CallView, Line
from stream_app.settings import Settings
from tests.unit.demo.call_messages import (
    CALL,
    at_ns,
    chunk,
    final,
    finalized,
    partial,
    started,
)


class FakeScreen:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shown: list[CallView] = []

    def add(self, arrival: Arrival, lines: list[Line]) -> None:
        """Keep the lines."""
        del arrival
        self.lines += [line.plain for line in lines]

    def show(self, views: list[CallView]) -> None:
        """Keep the views."""
        self.shown = views

    def say(self, text: str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""

    def report(self, report: Report) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Ignore it."""


def arrival(message: object, ms: float = 0, topic: str = topics.TRANSCRIPTS) -> Arrival:
    return Arrival(topic, CALL, message, at_ns(ms))  # type: ignore[arg-type]


def console(*, is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), width=80, height=24, force_terminal=is_terminal, _environ={})


def written(target: Console) -> str:
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def test_the_bundled_call_loads_with_its_context_and_reference() -> None:
    call = load_call(DEMO_CALL)

    assert call.planned.call_id.startswith("demo-call~")
    assert call.planned.parties == ("agent", "customer")
    assert call.planned.sidecar.context.queue_wait_ms > 0
    assert call.reference is not None


def test_a_call_of_the_users_needs_no_reference(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(DEMO_CALL.read_bytes())

    call = load_call(tmp_path / "mine.wav")

    assert call.planned.call_id.startswith("mine~")
    assert call.reference is None


@pytest.mark.parametrize("name", ["none.wav", "text.wav", "bad.wav"])
def test_a_call_that_cannot_be_replayed_fails_before_anything_starts(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "bad.wav").write_bytes(DEMO_CALL.read_bytes())
    (tmp_path / "bad.json").write_text("no json")

    with pytest.raises(AudioFormatError, match=name.partition(".")[0]):
        load_call(tmp_path / name)


def session(screen: FakeScreen) -> DemoSession:
    demo = DemoSession(load_call(DEMO_CALL), 1.0, screen)
    demo.view.call_id = CALL
    return demo


def test_arrivals_are_shown_and_counted() -> None:
    screen = FakeScreen()
    demo = session(screen)

    demo.take([arrival(started()), arrival(final(0, 900, "hello there"))])
    demo.take([arrival(None, topic=topics.DEAD_LETTERS)])
    demo.take([arrival(finalized(((0, 900, "hello there"),)))])

    assert screen.lines == ["  0:00.9  agent     hello there"]
    assert screen.shown == [demo.view]
    assert demo.report().dead_letters == 1
    assert demo.report().word_errors[0].reference_words > 50


def test_there_is_no_report_before_the_call_is_finalized() -> None:
    with pytest.raises(Exception, match="not finalized"):
        session(FakeScreen()).report()


def test_a_call_of_which_nothing_comes_any_more_is_given_up() -> None:
    now_s = 0.0
    demo = DemoSession(load_call(DEMO_CALL), 1.0, FakeScreen(), now_s=lambda: now_s)

    now_s = 59.0
    demo._check_silence()
    now_s = 61.0
    with pytest.raises(BrokerError, match=r"no message of demo-call~.* came for 60 s"):
        demo._check_silence()


def test_json_lines_hold_every_message_but_audio(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    notes = console(is_terminal=False)
    screen = JsonScreen(notes)
    screen.say("starting")
    screen.add(arrival(started(), topic=topics.AUDIO), [])
    screen.add(arrival(chunk(0), topic=topics.AUDIO), [])
    screen.add(arrival(final(0, 900, "hello"), 2), [Line(0, "", "hello")])

    out, err = capfdbinary.readouterr()

    events = [orjson.loads(line) for line in out.splitlines()]
    assert [event["schema"] for event in events] == ["call_started.v1", "transcript_final.v1"]
    assert events[0]["context"] == {}
    assert events[1]["topic"] == topics.TRANSCRIPTS
    assert events[1]["arrived_at_ns"] == at_ns(2)
    assert events[1]["words"][0]["text"] == "hello"
    assert err == b""
    assert written(notes) == "starting\n"


def test_json_lines_on_a_terminal_are_obeyed_by_none(
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

    screen.add(arrival(None), [Line(900, "agent", "word [bold]x[/] " * 30, "cyan")])
    screen.show([CallView(CALL)])
    screen.say("waiting")
    screen.say("waiting")
    screen.close()

    first, last = written(target).splitlines()
    assert first.startswith("  0:00.9  agent     word [bold]x[/] word")
    assert last == "waiting"
    assert "\x1b" not in first


def test_a_terminal_is_given_back_with_the_report_on_it() -> None:
    target = console(is_terminal=True)
    screen = open_screen(target, target, is_json=False)
    assert isinstance(screen, TerminalScreen)
    view = CallView(CALL)
    view.feed(started(), 1)
    view.feed(partial(0, 900, "hello there"), 2)

    screen.show([view])
    screen.report(Report(finalized(), LatencyMeter(CALL, 1.0), {0: WordErrors(1, 2)}))
    screen.close()

    shown = written(target)
    assert shown.rstrip().endswith("of 2 words (agent 50.0%)")
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


class FakeSupervisor:
    """Agents with the process ids that a test gives them."""

    failure = ""

    def __init__(self) -> None:
        self.pid_of = {"transcribe": 1, "detect_turns": 2, "finalize": 3}

    def pid(self, name: str) -> int:
        """Return the process id."""
        return self.pid_of[name]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    running = Stage(Settings())
    monkeypatch.setattr(running, "_supervisor", FakeSupervisor())
    monkeypatch.setattr(running, "_check_broker", lambda: None)
    return running


def test_an_agent_that_cannot_run_ends_the_demo_with_its_reason(stage: Stage) -> None:
    stage.check()

    stage._supervisor.failure = "transcribe: no weights"  # type: ignore[misc, union-attr]

    with pytest.raises(CallstreamError, match=r"^transcribe: no weights$"):
        stage.check()


def test_an_agent_may_be_restarted_but_not_for_ever(stage: Stage) -> None:
    for pid in (1, 0, 10, 10, 0, 11):
        stage._supervisor.pid_of["transcribe"] = pid  # type: ignore[union-attr]
        stage.check()

    stage._supervisor.pid_of["transcribe"] = 12  # type: ignore[union-attr]
    with pytest.raises(CallstreamError, match="transcribe ends again and again; see"):
        stage.check()


def test_a_broker_that_is_gone_ends_the_demo() -> None:
    stage = Stage(Settings().replace(kafka={"bootstrap_servers": "127.0.0.1:1"}))
    stage._supervisor = FakeSupervisor()  # type: ignore[assignment]

    with pytest.raises(BrokerError, match="embedded broker ended by itself"):
        stage.check()


def other(call_id: str, text: str) -> Arrival:
    return arrival(final(0, 900, text, call_id=call_id))


def test_watching_one_call_hides_the_others_and_takes_any_of_its_runs() -> None:
    screen = FakeScreen()
    watch = Watch(screen, "call")

    watch.take([other("call~1", "one"), other("callous~1", "two"), other("call", "three")])

    assert [line.split()[-1] for line in screen.lines if "agent" in line] == ["one", "three"]


def test_watching_many_calls_says_whose_words_they_are() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other("a", "one"), other("a", "two"), other("b", "three")])
    watch.take([arrival(started(call_id="a")), other("b", "four"), other("a", "five")])

    assert [line.partition("- ")[2] or line.split()[-1] for line in screen.lines] == [
        "one",
        "two",
        "in b",
        "three",
        "four",
        "in a",
        "five",
    ]
    assert [view.call_id for view in screen.shown] == ["b", "a"]


def test_a_finalized_call_is_watched_no_longer() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other(CALL, "one"), arrival(finalized())])

    assert screen.lines[-1].endswith("- call~r: finalized")
    assert screen.shown == []


def test_watching_for_days_takes_no_more_memory() -> None:
    screen = FakeScreen()
    watch = Watch(screen)

    watch.take([other(f"call-{number}", "x") for number in range(MAX_CALLS + 50)])

    assert len(screen.shown) == MAX_CALLS
    assert screen.shown[-1].call_id == f"call-{MAX_CALLS + 49}"

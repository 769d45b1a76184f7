"""A log has the first lines of a problem, and then a count."""

import io
import logging

import orjson
import pytest
import structlog

from stream_app.logs import log_limiter
from stream_app.logs.log_limiter import (
    FIRST_LINES,
    FORGOTTEN_AFTER_S,
    SUMMARY_EVERY_S,
    RepeatLimiter,
)
from stream_app.logs.logging import configure_logging


class Lines(logging.Handler):
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.texts.append(record.getMessage())


class Log:
    """A limiter of the libraries ``kafka`` and ``faust``, with a clock that a test sets."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.now_s = 0.0
        self.limiter = RepeatLimiter(self.lines, ("kafka", "faust"), now_s=lambda: self.now_s)

    def write(self, name: str, template: str, *values: object, level: int = logging.ERROR) -> None:
        """Log one line."""
        self.limiter.handle(logging.LogRecord(name, level, "", 0, template, values, None))


@pytest.fixture
def log() -> Log:
    return Log()


def test_the_first_lines_of_a_kind_are_written_and_the_others_counted(log: Log) -> None:
    for number in range(1_000):
        log.write("kafka.client", "no connection to node %s: %s", number, "refused")
    assert log.lines.texts == [f"no connection to node {n}: refused" for n in range(FIRST_LINES)]

    log.now_s = SUMMARY_EVERY_S
    log.write("kafka.client", "no connection to node %s: %s", 1_000, "refused")
    assert log.lines.texts[FIRST_LINES:] == [
        f"no connection to node 999: refused (repeated {1_000 - FIRST_LINES} times)"
    ]


def test_a_line_of_any_other_kind_brings_the_summary(log: Log) -> None:
    """Nobody waits for the next repetition to learn that there were some."""
    for _ in range(FIRST_LINES + 2):
        log.write("kafka.client", "lost")
    log.now_s = SUMMARY_EVERY_S + 1
    log.write("stream_app.worker.supervisor", "agent.ended")

    assert log.lines.texts[-2:] == ["lost (repeated 2 times)", "agent.ended"]


def test_our_own_lines_are_never_held_back(log: Log) -> None:
    for _ in range(50):
        log.write("stream_app.worker.supervisor", "agent.ended")

    assert len(log.lines.texts) == 50


def test_kinds_differ_by_logger_level_and_template(log: Log) -> None:
    for _ in range(10):
        log.write("kafka.client", "lost")
        log.write("kafka.consumer", "lost")
        log.write("kafka.client", "lost", level=logging.WARNING)
        log.write("faust.app", "lost and found")

    assert len(log.lines.texts) == 4 * FIRST_LINES


def test_numbers_in_a_template_make_no_new_kind(log: Log) -> None:
    """Some libraries format their messages before they log them."""
    for number in range(100):
        log.write("faust.timer", f"late by {number} s at 0x{number:x}f")

    assert len(log.lines.texts) == FIRST_LINES


def test_after_a_long_silence_a_line_is_news_again(log: Log) -> None:
    for _ in range(FIRST_LINES):
        log.write("kafka.client", "lost")
    log.now_s = FORGOTTEN_AFTER_S + 1
    log.write("kafka.client", "lost")

    assert len(log.lines.texts) == FIRST_LINES + 1


def test_what_was_counted_is_told_at_the_end(log: Log) -> None:
    for _ in range(FIRST_LINES + 7):
        log.write("kafka.client", "lost")
    log.limiter.close()

    assert log.lines.texts[-1] == "lost (repeated 7 times)"


def test_endless_kinds_fill_no_memory(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of a forgotten kind is written before it is forgotten."""
    monkeypatch.setattr(log_limiter, "MAX_KINDS", 2)
    for _ in range(FIRST_LINES + 4):
        log.write("kafka.client", "first")
    for letter in "abc":
        log.write("kafka.client", letter)

    assert log.lines.texts[FIRST_LINES:] == ["a", "first (repeated 4 times)", "b", "c"]


@pytest.fixture(params=["json"])
def output(request: pytest.FixtureRequest) -> io.StringIO:
    """What is logged, set up as a worker does it."""
    stream = io.StringIO()
    configure_logging("info", request.param, stream=stream, agent="transcribe")
    return stream


def test_a_broken_connection_of_the_kafka_client_is_a_few_lines(output: io.StringIO) -> None:
    """Through the set-up of a worker; they used to be hundreds a second."""
    for number in range(500):
        logging.getLogger("aiokafka.client").error("no connection to node %s", number)
    structlog.get_logger("stream_app.worker.supervisor").info("agent.ready")

    events = [orjson.loads(line)["event"] for line in output.getvalue().splitlines()]
    assert events == [*(f"no connection to node {n}" for n in range(FIRST_LINES)), "agent.ready"]


def test_a_log_on_a_terminal_is_obeyed_by_none(output: io.StringIO) -> None:
    """The values stay as they are: whoever parses the line gets them back."""
    reason = "call \x9b2J \u202e\x1b[2J"
    structlog.get_logger("stream_app.runtime").warning("message.refused", reason=reason)

    line = output.getvalue()
    assert line.rstrip("\n").isprintable()
    assert orjson.loads(line)["reason"] == reason


@pytest.mark.parametrize("output", ["console"], indirect=True)
def test_on_the_console_lines_are_for_reading(output: io.StringIO) -> None:
    """Ours and those of libraries; nothing in them moves a cursor, and a traceback keeps lines."""
    log = structlog.get_logger("stream_app.runtime")
    log.info("agent.ready", partitions=4, reason="call \x1b[2J one")
    logging.getLogger("aiokafka.client").warning("no connection to node 1")
    try:
        int("broken")
    except ValueError:
        log.exception("agent.failed")

    lines = output.getvalue().splitlines()
    assert all(line.isprintable() for line in lines)
    assert "[info     ] agent.ready" in lines[0]
    assert "agent=transcribe" in lines[0]
    assert "partitions=4" in lines[0]
    assert "call  one" in lines[0]
    assert "[warning  ] no connection to node 1" in lines[1]
    assert "[error    ] agent.failed" in lines[2]
    assert lines[3] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: invalid literal for int() with base 10: 'broken'"

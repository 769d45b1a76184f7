"""A terminal obeys nothing that is in the text of a call."""

import unicodedata

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_app.logs.printable import printable, printable_json

ESCAPES = ("\x1b[2J", "\x1b]2;owned\x1b\\", "\x9b31m", "\x1bc", "\u202e", "\u2066", "\x07", "\r\n")
JOINERS = {"\u200c", "\u200d"}
hostile = st.lists(st.one_of(st.text(), st.sampled_from(ESCAPES))).map("".join)


@given(hostile)
@example("\x1b]2;without an end")
@example("\x1b")
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = printable(text)

    assert all(each.isprintable() or each in JOINERS for each in shown)
    assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cs", "Zl", "Zp"}


@given(hostile)
def test_a_second_time_changes_nothing(text: str) -> None:
    once = printable(text)

    assert printable(once) == once


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_words_of_every_script_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in call\x1b]2;owned\x1b\\\x1b[2J", "in call"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b2Jgone\x9c", "gone"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("pay \u202e00.1\u202c", "pay 00.1"),
        ("\x1b]2;no end of the title", "2;no end of the title"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_whole_escape_sequences_go(text: str, shown: str) -> None:
    """Without their parameters, which would stand about as words."""
    assert printable(text) == shown


@given(hostile)
@example("\U000e0041 tag")
def test_json_keeps_its_value_and_gives_the_terminal_nothing(text: str) -> None:
    """Data are not changed for the sake of a screen."""
    written = printable_json(orjson.dumps({"text": text}))

    assert written.isprintable()
    assert orjson.loads(written) == {"text": text}

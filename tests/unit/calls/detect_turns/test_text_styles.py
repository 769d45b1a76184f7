"""Turns do not depend on whether a recognizer writes bare words or capitals, marks and figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.numerals import spell_cardinal, spell_money, spell_time
from models.text.spoken_form import spoken_words
from stream_app.calls.detect_turns.backchannels import BackchannelWords
from stream_app.calls.detect_turns.dictation.rules import dictation
from stream_app.calls.detect_turns.endpointing import BACKCHANNELS
from tests.support.calls.turn_lanes import AGENT, Said
from tests.support.calls.turn_runs import ended, say

SAME_DICTATIONS = [
    ("My number is 555-", "my number is five five five", "open"),
    ("My number is 555-1234.", "my number is five five five one two three four", "open"),
    ("It's A-B-C-1-2-3", "it's a b c one two three", "open"),
    ("My card number is 4271.", "my card number is four two seven one", "open"),
    ("My PIN is 1234.", "my pin is one two three four", "complete"),
    ("The postcode is SW1A 1AA.", "the postcode is s w one a one a a", "complete"),
    ("john.smith@gmail.com.", "john dot smith at gmail dot com", "complete"),
    ("My email is john.smith@gmail", "my email is john dot smith at gmail", "open"),
    ("It was $25.", "it was twenty five dollars", "none"),
    ("At 9:30 a.m.", "at nine thirty a m", "none"),
    ("Born on March 14th, 1984.", "born on march fourteenth nineteen eighty four", "complete"),
    ("We met in 1984.", "we met in nineteen eighty four", "none"),
    ("Call me on 555-123", "call me on five five five one two three", "open"),
]  # fmt: skip


@pytest.mark.parametrize(("styled", "bare", "expected"), SAME_DICTATIONS)
def test_a_dictation_is_the_same_in_every_style(styled: str, bare: str, expected: str) -> None:
    assert (dictation(styled), dictation(bare)) == (expected, expected)


@pytest.mark.parametrize(
    "text",
    ["Mm-hmm.", "Uh-huh.", "Yeah.", "Okay.", "OK, OK.", "Yeah, yeah.", "All right.", "I see."],
)  # fmt: skip
def test_a_backchannel_is_one_in_every_style(text: str) -> None:
    assert BackchannelWords(BACKCHANNELS).cover(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("My number is 555-1234.", 10),
        ("my number is five five five one two three four", 10),
        ("It was $25, Mr. Smith.", 7),
        ("Mm-hmm.", 2),
    ],
)
def test_words_count_as_they_are_spoken(text: str, words: int) -> None:
    (turn,) = ended(say(Said(AGENT, 0, 1_000, text)))

    assert turn.words == words


PHRASES = st.one_of(
    st.text("0123456789", min_size=4, max_size=5)
    .filter(lambda digits: not digits.endswith("00") and not "1900" <= digits <= "2039")
    .map(lambda digits: (digits, " ".join(spoken_words("-".join(digits))))),
    st.text("0123456789", min_size=3, max_size=3).map(
        lambda digits: (f"{digits}-", " ".join(spoken_words("-".join(digits))))
    ),
    st.integers(10, 99).map(lambda number: (str(number), " ".join(spell_cardinal(number)))),
    st.integers(1, 9_999).map(lambda n: (f"${n:,}", " ".join(spell_money(n, 0)))),
    st.tuples(st.integers(1, 12), st.integers(1, 59)).map(
        lambda at: (f"{at[0]}:{at[1]:02} a.m.", " ".join([*spell_time(*at), "a", "m"]))
    ),
    st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=6).map(
        lambda letters: ("-".join(letters.upper()), " ".join(letters))
    ),
    st.sampled_from(
        [("Mr. Smith", "mister smith"), ("OK", "okay"), ("jo@aol.com", "jo at aol dot com")]
    ),
)
LEADS = ("my number is", "it costs", "i need", "at", "call me on", "my email is", "yes", "")
ENDS = ("", ".", "?", "!", " ...")


@given(
    lead=st.sampled_from(LEADS),
    phrases=st.lists(PHRASES, min_size=1, max_size=3),
    end=st.sampled_from(ENDS),
)
def test_what_turns_are_decided_by_is_the_same_in_both_styles(
    lead: str, phrases: list[tuple[str, str]], end: str
) -> None:
    """The end-of-turn model reads the spoken words; the dictation rules read them as well."""
    styled = f"{lead.capitalize()} {' then '.join(written for written, _ in phrases)}{end}".strip()
    bare = f"{lead} {' then '.join(said for _, said in phrases)}".strip()

    assert spoken_words(styled) == spoken_words(bare)
    assert dictation(styled) == dictation(bare)

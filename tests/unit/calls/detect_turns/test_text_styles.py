"""Turns do not depend on whether a recognizer writes bare words or capitals, marks and figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.numerals import spell_cardinal, spell_money, spell_time
from models.text.spoken_form import spoken_words
from stream_app.calls.detect_turns.backchannels import BACKCHANNELS, BackchannelWords
from stream_app.calls.detect_turns.dictation.rules import dictation
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
    ("It is 4000", "it is four zero zero zero", "open"),
    ("It's 4,000.", "it's four zero zero zero", "open"),
    ("4 000", "four zero zero zero", "open"),
    ("40000", "four zero zero zero zero", "open"),
    ("It is 400", "it is four zero zero", "open"),
    ("Sure. 4000.", "sure four zero zero zero", "open"),
    ("I think it is 4000", "i think it is four zero zero zero", "open"),
    ("4000 1234", "four zero zero zero one two three four", "open"),
    ("1 2 3 4", "one two three four", "open"),
    ("555 1234", "five five five one two three four", "open"),
    ("My number is +1 (555)", "my number is plus one five five five", "open"),
    ("1-555", "one five five five", "open"),
    ("A B 12", "a b one two", "open"),
    ("AB12", "a b one two", "open"),
    ("The code is AB400", "the code is a b four zero zero", "open"),
    ("The code on it is X861.", "the code on it is x eight six one", "open"),
    ("The surname is Preston PRES.", "the surname is preston p r e s", "open"),
    ("My last name is SMITH", "my last name is s m i t h", "open"),
    ("I work for NASA", "i work for nasa", "none"),
    ("4 2 double 5", "four two double five", "open"),
    ("Oh 77", "oh seven seven", "open"),
    ("0 20", "zero two zero", "open"),
    ("My card number is 4,271", "my card number is four two seven one", "open"),
    ("My card number is 4271-5000", "my card number is four two seven one five zero zero zero",
     "open"),
    ("My PIN is 4000.", "my pin is four zero zero zero", "complete"),
    ("The last four are 4000.", "the last four are four zero zero zero", "complete"),
    ("My reference is 400.", "my reference is four zero zero", "open"),
    ("It is 400-100 -1234", "it is four zero zero one zero zero one two three four", "open"),
    ("I need 4000", "i need four thousand", "none"),
    ("About 4,000.", "about four thousand", "none"),
    ("It was 5,000.", "it was five thousand", "none"),
    ("The total is 4000.", "the total is four thousand", "none"),
    ("It is $4,000.", "it is four thousand dollars", "none"),
    ("It is 4000 dollars", "it is four thousand dollars", "none"),
    ("In 1984", "in nineteen eighty four", "none"),
    ("It's 2024.", "it's twenty twenty four", "none"),
    ("It's 5:30.", "it's five thirty", "none"),
    ("It is 20%", "it is twenty percent", "none"),
    ("It is 3.5", "it is three point five", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("styled", "bare", "expected"), SAME_DICTATIONS)
def test_a_dictation_is_the_same_in_every_style(styled: str, bare: str, expected: str) -> None:
    assert (dictation(styled), dictation(bare)) == (expected, expected)


@pytest.mark.parametrize(
    "text",
    [
        *("Mm-hmm.", "M-M-H-M-M", "Mmm.", "Uh-huh.", "Thank you.", "Exactly!", "I understand."),
        *("Yeah.", "Okay.", "OK, OK.", "Yeah, yeah.", "All right.", "I see."),
    ],
)
def test_a_backchannel_is_one_in_every_style(text: str) -> None:
    assert BackchannelWords(BACKCHANNELS).weight(text) == "acknowledgement"


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

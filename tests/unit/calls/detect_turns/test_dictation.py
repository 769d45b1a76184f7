import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.calls.detect_turns.dictation.rules import dictation
from stream_app.calls.detect_turns.dictation.tail import tail_of, words_of

NO_DICTATION = """
    two
    one
    zero
    three days
    two tickets
    i need two
    i need two tickets
    at five
    at five thirty
    five thirty
    nine thirty p m
    twenty five
    it was twenty five dollars
    two hundred and fifty
    a hundred
    two thousand and nineteen
    in nineteen eighty four
    it was in 2019
    it costs 15000
    i paid $150
    it was 5,000
    at 5:30
    number one
    room number five
    option two
    call me at 5
    for 30 minutes
    that's double
    double four
    oh
    oh okay
    i
    a
    what can i
    i live in the u s
    i live in the u k
    b for bravo
    flat 2 b
    in november
    i think i may
    the fourteenth
    on march fourteenth
    send me an email
    email is fine
    i called nine one one
    you can call nine eight eight
    we are here twenty four seven
    it's fifty fifty
    three point five
    i got your email
    my email is not working
    what are you looking at
    uh
    hello
    i am in the hotel
    the cost is 6 18
    the ticket costs three thirty seven
    your account has a balance of 8 238 58
    i want it at eleven i
    doctor jones m d
    just one
"""
IN_MID_DICTATION = """
    four two seven one
    4 2 7 1
    4271
    four two seven one uh
    four two double
    forty two seventy one
    oh seven seven
    my number is
    my number is four
    my number is four two
    my card number is
    my card number is four two seven one
    my card number is 4271 9983
    my card number is 4271 9983 1234
    the last four digits are four two
    my phone number is oh seven seven double zero
    call me on 555 123
    my date of birth is
    i was born in nineteen eighty four
    born on the fourteenth of march
    born on the fourteenth of
    born on the fourteenth of march nineteen
    my date of birth is 14 03
    s m i t h
    it's spelled s
    my name is john smith s m i
    the reference reads j
    b for bravo o for
    b for bravo o for oscar
    b as in bravo o as in
    alpha bravo
    the code is a b 1 2
    my reference is x r four nine
    my postcode is s w one
    john dot smith at
    john dot smith at gmail
    john dot smith at gmail dot
    john dot smith at example dot co
    john underscore smith
    john at gmail
    my email is
    my email is john
    my email address is john smith at
    john@
    john@gmail
    a b dash
    john dot
"""
DICTATED_IN_FULL = """
    4271 9983 1234 5678
    4271-9983-1234-5678
    4271998312345678
    four two seven one nine nine eight three one two three four five six seven eight
    my amex is 3712 345678 95006
    the last four digits are four two seven one
    the last four digits are double four seven one
    sort code is twenty thirty forty
    my account number is 1 2 3 4 5 6 7 8
    the security code is 123
    my pin is 1 2 3 4
    my zip is nine four one oh five
    it's oh seven seven zero zero nine zero zero one two three
    my phone number is 555 123 4567
    555-123-4567
    my phone number is 1 555 123 4567
    you can reach me on 44 7700 900 123
    john@example.com
    john.smith@example.co.uk
    john dot smith at gmail dot com
    john dot smith at example dot co dot uk
    my email is john at gmail dot com
    their number is 510 223 3337
    the number is 44 20 7493 4545
    sw1a 1aa
    s w one a one a a
    my national insurance number is q q one two three four five six c
    born on the fourteenth of march nineteen eighty four
    my date of birth is 14 03 1984
    my date of birth is march 14 1984
    my date of birth is march twenty first nineteen eighty four
    on 14/03/2024
    my name is john smith s m i t h
    that is tucker t u c k e r
    you can ring me on four one three eight five two five four two six nine
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("text", lines(NO_DICTATION))
def test_a_count_a_time_or_a_word_in_passing_is_no_dictation(text: str) -> None:
    assert dictation(text) == "none"


@pytest.mark.parametrize("text", lines(IN_MID_DICTATION))
def test_what_is_not_all_there_is_open(text: str) -> None:
    assert dictation(text) == "open"


@pytest.mark.parametrize("text", lines(DICTATED_IN_FULL))
def test_what_is_all_there_is_complete(text: str) -> None:
    assert dictation(text) == "complete"


@pytest.mark.parametrize("text", lines(IN_MID_DICTATION + DICTATED_IN_FULL))
def test_words_that_follow_end_it(text: str) -> None:
    assert dictation(f"{text} and could you send it today") == "none"


@pytest.mark.parametrize("text", lines(NO_DICTATION + IN_MID_DICTATION + DICTATED_IN_FULL))
def test_capitals_and_final_punctuation_do_not_matter(text: str) -> None:
    """A recognizer may write them or not."""
    assert dictation(f"{text.capitalize()}.") == dictation(text)


@pytest.mark.parametrize("digits", [4, 8, 12])
def test_a_card_is_read_in_groups_and_over_with_the_last(digits: int) -> None:
    card = "4271998312345678"

    assert dictation(f"the card number is {' '.join(card[:digits])}") == "open"
    assert dictation(f"the card number is {' '.join(card)}") == "complete"


@pytest.mark.parametrize(
    "text", ["", " ", "...", "\N{THUMBS UP SIGN}", "\ud800", "@", "x" * 10_000]
)
def test_a_text_of_no_words_is_no_dictation(text: str) -> None:
    assert dictation(text) == "none"


@given(text=st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    assert dictation(text) in {"none", "open", "complete"}


WORDS = (
    *("four", "double", "forty", "0", "12", "oh", "x", "a", "i", "sw1a", "bravo", "for", "as"),
    *("in", "dot", "at", "com", "co", "gmail", "dash", "march", "of", "the", "fourteenth", "born"),
    *("number", "card", "is", "it's", "email", "@", "uh", "$5", "may", "underscore", "hundred"),
)


@given(words=st.lists(st.sampled_from(WORDS), max_size=20))
def test_any_order_of_its_own_words_has_an_answer(words: list[str]) -> None:
    """Where a rule looks at its neighbours there may be none."""
    assert dictation(" ".join(words)) in {"none", "open", "complete"}


@given(digits=st.text("0123456789", min_size=5, max_size=15))
def test_digits_read_one_by_one_are_open_or_a_whole_number(digits: str) -> None:
    spelled = dictation(" ".join(digits))

    assert spelled == ("complete" if _is_phone(digits) else "open")


def _is_phone(digits: str) -> bool:
    if digits.startswith("44"):
        return len(digits) == 12
    return len(digits) == 11 or (len(digits) == 10 and digits[0] not in "01")


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("my number is forty two seven", ("42", "7")),
        ("nineteen eighty four", ("19", "84")),
        ("double four triple one", ("44", "111")),
        ("oh twenty twenty", ("0", "20", "20")),
        ("b for bravo o as in oscar b", ("b", "o", "b")),
        ("alpha bravo nine", ("a", "b", "9")),
        ("it is ab12 3cd", ("a", "b", "12", "3", "c", "d")),
        ("four two dash seven", ("4", "2", "7")),
        ("i want it", ()),
    ],
)
def test_the_end_of_a_text_is_read_as_the_characters_it_stands_for(
    text: str, groups: tuple[str, ...]
) -> None:
    assert tail_of(words_of(text)).groups == groups

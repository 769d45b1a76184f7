"""What is written in figures, and what stays as it was said."""

import pytest

from models.asr.core.hypothesis import Word
from models.asr.writing.normalisation import normalise


def heard(text: str) -> tuple[Word, ...]:
    return tuple(
        Word(text=word, start_ms=100 * n, end_ms=100 * n + 80, confidence=0.9 - 0.1 * (n % 3))
        for n, word in enumerate(text.split())
    )


def written(text: str) -> str:
    return " ".join(word.text for word in normalise(heard(text)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("i have twenty three left", "i have 23 left"),
        ("one hundred and five", "105"),
        ("a hundred and twenty people", "120 people"),
        ("two million three hundred thousand and one", "2300001"),
        ("twenty-three, four five six.", "23, 456."),
        ("Twenty three.", "23."),
        ("account four two double one please", "account 4211 please"),
        ("triple seven oh five", "77705"),
        ("oh two four seven nine eight", "024798"),
        ("the twenty first", "the 21st"),
        ("june twenty second", "june twenty second"),
        ("twenty second of june", "22nd of june"),
        ("since nineteen eighty four", "since 1984"),
        ("twenty first of june nineteen oh five", "21st of june 1905"),
        ("two point five", "2.5"),
        ("five percent", "5%"),
        ("one point five per cent", "1.5%"),
        ("twelve dollars and fifty cents", "$12.50"),
        ("one euro", "€1"),
        ("seven thirty p m", "7:30pm"),
        ("seven oh five a.m. tomorrow", "7:05am tomorrow"),
        ("at five o'clock", "at 5:00"),
        ("that is b o b", "that is B-O-B"),
        ("b as in bravo o for oscar double t", "B-O-T-T"),
        ("m a r i a", "M-A-R-I-A"),
        ("my email is john at gmail dot com thanks", "my email is john@gmail.com thanks"),
        ("my mail address is j o four at gmail dot com", "my mail address is jo4@gmail.com"),
        ("john dot smith at example dot co dot uk", "john.smith@example.co.uk"),
        ("www dot example dot com", "www.example.com"),
        ("a thousand and one dollars", "$1001"),
        ("a hundred and ten percent", "110%"),
        ("three dollars or four dollars", "$3 or $4"),
        ("two hundred or three thousand", "200 or 3000"),
        ("ten or twelve people", "10 or 12 people"),
        ("my pin is one two three four and two hundred dollars", "my pin is 1234 and $200"),
        ("i have three. four hundred dollars", "i have three. $400"),
        ("at nine thirty a m or ten thirty a m", "at 9:30am or 10:30am"),
    ],
)
def test_what_is_sure_is_written(said: str, expected: str) -> None:
    assert written(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        "one of the two",
        "to two too",
        "two one way tickets",
        "a hundred times",
        "between one hundred and two hundred",
        "at one point two people came",
        "twenty one two three",
        "three dollars fifty",
        "a thirty second timeout",
        "at seven thirty",
        "nineteen twenty minutes",
        "the first one",
        "spell it b o b i think",
        "i b m",
        "a b",
        "five five. five",
        "four two one oh i see",
        "double check",
        "one tenth",
        "say point five",
        "this and that",
        "three or four hundred dollars",
        "two to three hundred",
        "one or two thousand",
        "five, six hundred",
        "one, two, three hundred people",
        "twenty or thirty percent",
        "twenty-five to thirty thousand people",
        "between two and three hundred",
        "six to eight point five percent",
        "four or five thirty p m",
        "from nine to five thirty p.m.",
        "three, maybe four hundred dollars",
        "three - four hundred",
        "a hundred or two hundred dollars",
        "one hundred or two hundred thousand",
        "five hundred to a thousand dollars",
        "not three but four hundred dollars",
    ],
)
def test_what_could_be_read_in_two_ways_stays(said: str) -> None:
    words = heard(said)

    assert normalise(words) == words


def test_a_joined_word_spans_the_times_and_is_as_sure_as_the_least_sure() -> None:
    said = heard("number forty two double one now")
    digits = heard("number four two double one now")

    assert normalise(said)[1:5] == said[1:5]
    assert normalise(digits)[1] == Word(text="4211", start_ms=100, end_ms=480, confidence=0.7)


def test_punctuation_around_a_number_stays() -> None:
    assert written('"twenty three," he said') == '"23," he said'
    assert written("one two. three four five") == "one two. 345"

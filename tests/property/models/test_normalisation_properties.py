"""Nothing said is lost, nothing is written twice over, and numbers come back as they were."""

from hypothesis import example, given
from hypothesis import strategies as st

from models.asr.core.hypothesis import Word
from models.asr.writing.normalisation import normalise
from models.text import numerals

VOCABULARY = [
    *"zero oh o one two three nine ten twelve twenty thirty fifty hundred thousand".split(),
    *"and point double first second tenth twenty-three a i b p m as in for bravo".split(),
    *"dollars cents percent per cent o'clock june of since minutes is email at dot com".split(),
    *"john look a.m. five, nine. 23 3rd $5".split(),
]
phrases = st.lists(st.sampled_from(VOCABULARY), max_size=12)


def as_words(spelled: list[str]) -> tuple[Word, ...]:
    return tuple(
        Word(text=text, start_ms=100 * n, end_ms=100 * n + 60, confidence=1 / (n + 1))
        for n, text in enumerate(spelled)
    )


def written(spelled: list[str]) -> str:
    return " ".join(word.text for word in normalise(as_words(spelled)))


@given(spelled=phrases)
def test_every_word_lies_in_exactly_one_written_word(spelled: list[str]) -> None:
    words = as_words(spelled)
    result = normalise(words)

    places = [(word.start_ms // 100, (word.end_ms - 60) // 100) for word in result]
    covered = [n for first, last in places for n in range(first, last + 1)]
    assert covered == list(range(len(words)))
    for word, (first, last) in zip(result, places, strict=True):
        assert word.confidence == min(one.confidence for one in words[first : last + 1])
        assert word.text
        assert " " not in word.text
        if first == last and word.text == words[first].text:
            assert word == words[first]


@example(spelled=["twenty", "five,", "twenty", "ten"])
@example(spelled=["twenty-three", "dot", "com"])
@example(spelled=["thirty-first", "thousand", "dot", "com"])
@example(spelled=["thirty-first", "double", "b", "o"])
@example(spelled=["june", "twenty", "five,", "twenty", "ten"])
@given(spelled=phrases)
def test_what_is_written_is_written_once(spelled: list[str]) -> None:
    once = normalise(as_words(spelled))

    assert normalise(once) == once


@given(number=st.integers(10, numerals.MAX_CARDINAL))
def test_a_cardinal_comes_back(number: int) -> None:
    assert written(numerals.spell_cardinal(number)) == str(number)


@given(digits=st.text("0123456789", min_size=3, max_size=16))
def test_a_digit_string_comes_back(digits: str) -> None:
    assert written(numerals.spell_digits(digits)) == digits


@given(number=st.integers(10, 9_999).filter(lambda number: number % 10 != 2))
def test_an_ordinal_comes_back(number: int) -> None:
    assert written(numerals.spell_ordinal(number))[:-2] == str(number)


@given(whole=st.integers(1, 99_999), cents=st.integers(0, 99))
def test_an_amount_comes_back(whole: int, cents: int) -> None:
    expected = f"${whole}.{cents:02}" if cents else f"${whole}"

    assert written(numerals.spell_money(whole, cents)) == expected


@given(hour=st.integers(1, 12), minute=st.integers(1, 59))
def test_a_time_of_day_comes_back(hour: int, minute: int) -> None:
    said = [*numerals.spell_time(hour, minute), "p", "m"]

    assert written(said) == f"{hour}:{minute:02}pm"

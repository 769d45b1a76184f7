"""Sentences of a text: every word is in one, at the place that it says."""

from hypothesis import given
from hypothesis import strategies as st

from models.text.sentences import LONGEST_WORDS, sentences

TEXTS = st.text(st.sampled_from("ab .!?\n\"')é\u2019\u2026\t"), max_size=200)


def test_sentences_end_at_full_stops_quotations_and_lines() -> None:
    text = 'She said "go." Then 2.5 hours passed!\nNo stop here\n\nNow?  Yes'

    assert [each.text for each in sentences(text)] == [
        'She said "go."',
        "Then 2.5 hours passed!",
        "No stop here",
        "Now?",
        "Yes",
    ]


def test_words_without_full_stops_come_in_pieces() -> None:
    words = [f"w{number}" for number in range(2 * LONGEST_WORDS + 3)]

    found = sentences(" ".join(words))

    assert [len(each.text.split()) for each in found] == [LONGEST_WORDS, LONGEST_WORDS, 3]


@given(TEXTS)
def test_every_word_is_in_one_sentence_at_its_place(text: str) -> None:
    found = sentences(text)

    assert [word for each in found for word in each.text.split()] == text.split()
    assert all(text[each.start : each.end] == each.text for each in found)
    assert all(each.text == each.text.strip() != "" for each in found)

"""The automaton equals the definition: the longest beginning that the text ends with."""

from hypothesis import given
from hypothesis import strategies as st

from models.asr.decoding.hot_words import HotWordBias

tokens = st.integers(0, 3)
sequences = st.lists(st.lists(tokens, max_size=4).map(tuple), max_size=5)


@given(hot_words=sequences, text=st.lists(tokens, max_size=12))
def test_bonuses_follow_from_the_text_alone(
    hot_words: list[tuple[int, ...]], text: list[int]
) -> None:
    bias = HotWordBias(hot_words, 2.0, begin_share=0.5)
    state = bias.start()
    for token in text:
        state = bias.advance(state, token)

    expected = {hot_word[0]: 1.0 for hot_word in hot_words if hot_word}
    for hot_word in hot_words:
        for begun in range(1, len(hot_word)):
            if tuple(text[-begun:]) == hot_word[:begun]:
                expected[hot_word[begun]] = 2.0

    assert dict(bias.bonuses(state)) == expected

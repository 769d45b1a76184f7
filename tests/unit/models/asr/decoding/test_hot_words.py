"""Bonuses for the tokens of hot-words."""

import pytest

from models.asr.decoding.hot_words import HotWordBias, hot_word_spellings


def after(bias: HotWordBias, *tokens: int) -> dict[int, float]:
    state = bias.start()
    for token in tokens:
        state = bias.advance(state, token)
    return dict(bias.bonuses(state))


def test_a_beginning_gets_less_than_a_continuation() -> None:
    bias = HotWordBias([(1, 2, 3)], 4.0, begin_share=0.25)

    assert after(bias) == {1: 1.0}
    assert after(bias, 1) == {1: 1.0, 2: 4.0}
    assert after(bias, 1, 2) == {1: 1.0, 3: 4.0}


def test_what_breaks_off_or_ends_gets_no_more() -> None:
    bias = HotWordBias([(1, 2, 3)], 4.0)

    assert after(bias, 1, 9) == after(bias)
    assert after(bias, 1, 2, 3) == after(bias)


def test_a_hot_word_that_begins_inside_a_broken_one_goes_on() -> None:
    bias = HotWordBias([(1, 2, 3), (2, 7)], 4.0)

    assert after(bias, 1, 2)[7] == 4.0
    assert after(bias, 1, 2, 7) == after(bias)


def test_hot_words_with_the_same_beginning_share_it() -> None:
    bias = HotWordBias([(1, 2), (1, 2, 5), (1, 3)], 4.0)

    assert after(bias, 1) == {1: 2.0, 2: 4.0, 3: 4.0}
    assert after(bias, 1, 2) == {1: 2.0, 5: 4.0}


def test_without_hot_words_nothing_is_favoured() -> None:
    assert after(HotWordBias([(), ()], 4.0), 1, 2) == {}


@pytest.mark.parametrize(("bonus", "share"), [(-1.0, 0.5), (1.0, 1.5), (1.0, -0.1)])
def test_hot_words_are_never_held_back(bonus: float, share: float) -> None:
    with pytest.raises(ValueError, match="give >= 0"):
        HotWordBias([(1,)], bonus, begin_share=share)


def test_spellings_are_what_the_weights_may_write() -> None:
    assert hot_word_spellings("acme  Pro") == (" acme Pro", " acme pro", " Acme Pro")
    assert hot_word_spellings("acme") == (" acme", " Acme")
    assert hot_word_spellings("  ") == ()

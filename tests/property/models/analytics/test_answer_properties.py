"""Answers of the call analytics: what is written is what is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.analytics.analysis import Analysis
from models.analytics.answers import (
    AnswerError,
    AnswerForm,
    as_shown,
    decode_answer,
    encode_answer,
)
from models.analytics.guide import load_guide
from tests.support.analytics.drawn import analyses
from tests.support.examples import examples

GUIDE = load_guide("contact-centre")
TURNS = 30
SHOWN = st.sets(st.integers(0, TURNS - 1), min_size=1).map(sorted)
FORMS = st.sampled_from(["codes", "document"])


@examples(60)
@given(analysis=analyses(GUIDE, TURNS), form=FORMS, shown=SHOWN)
def test_an_answer_reads_as_what_the_prompt_lets_see(
    analysis: Analysis, form: AnswerForm, shown: list[int]
) -> None:
    text = encode_answer(analysis, GUIDE, form, shown)

    assert decode_answer(text, GUIDE, form, shown) == as_shown(analysis, shown)
    assert text.isascii()


@examples(60)
@given(
    analysis=analyses(GUIDE, TURNS),
    form=FORMS,
    place=st.integers(0, 2_000),
    change=st.sampled_from(["", "0", "9", "z", "-", '"', ",", "\u0663", "\ud800"]),
)
def test_a_damaged_answer_is_read_or_is_one_clear_error(
    analysis: Analysis, form: AnswerForm, place: int, change: str
) -> None:
    """Whatever is read can be written again."""
    shown = list(range(9))
    text = encode_answer(analysis, GUIDE, form, shown)
    place %= len(text)
    damaged = text[:place] + change + text[place + 1 :]

    try:
        read = decode_answer(damaged, GUIDE, form, shown)
    except AnswerError:
        return
    written = encode_answer(read, GUIDE, form, shown)
    assert decode_answer(written, GUIDE, form, shown) == read


@pytest.mark.parametrize("form", ["codes", "document"])
@examples(30)
@given(analysis=analyses(GUIDE, TURNS), cut=st.integers(0, 2_000))
def test_an_answer_that_was_cut_off_is_an_error(
    form: AnswerForm, analysis: Analysis, cut: int
) -> None:
    text = encode_answer(analysis, GUIDE, form, range(TURNS))

    with pytest.raises(AnswerError):
        decode_answer(text[: cut % len(text)], GUIDE, form, range(TURNS))

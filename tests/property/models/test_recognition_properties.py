"""Policies and guards under any input."""

from hypothesis import given
from hypothesis import strategies as st

from models.asr.core.hypothesis import Hypothesis, Word, kept_text
from models.asr.loops import cut_inner_loops, without_loops
from models.asr.partials.agreement import LocalAgreement

texts = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=12)


def as_words(spelled: list[str]) -> tuple[Word, ...]:
    return tuple(
        Word(text=text, start_ms=n, end_ms=n + 1, confidence=1.0) for n, text in enumerate(spelled)
    )


@given(hypotheses=st.lists(texts, max_size=10))
def test_committed_words_are_never_taken_back(hypotheses: list[list[str]]) -> None:
    agreement = LocalAgreement()
    for spelled in hypotheses:
        before = agreement.last.committed
        partial = agreement.update(Hypothesis(words=as_words(spelled)))
        assert partial.committed[: len(before)] == before
        assert 0 <= partial.stability <= 1


@given(prefix=texts, rest=texts)
def test_a_hypothesis_heard_twice_is_committed_whole(prefix: list[str], rest: list[str]) -> None:
    agreement = LocalAgreement()
    agreement.update(Hypothesis(words=as_words(prefix)))
    agreement.update(Hypothesis(words=as_words(prefix)))
    agreement.update(Hypothesis(words=as_words(prefix + rest)))

    partial = agreement.update(Hypothesis(words=as_words(prefix + rest)))

    assert [word.text for word in partial.committed] == prefix + rest


@given(spelled=st.lists(st.sampled_from("ab"), max_size=40))
def test_cutting_loops_twice_cuts_no_more(spelled: list[str]) -> None:
    once = without_loops(as_words(spelled), 8)

    assert set(once) <= set(as_words(spelled))
    assert list(once) == sorted(once, key=lambda word: word.start_ms)
    if spelled:
        assert once


@given(spelled=st.lists(st.sampled_from(["Hi,", "there", "a", "an", "I'm"]), max_size=10))
def test_all_words_kept_are_the_whole_text(spelled: list[str]) -> None:
    assert kept_text(" ".join(spelled), as_words(spelled)) == " ".join(spelled)


@given(text=st.text("ab f", max_size=40))
def test_cutting_loops_inside_words_twice_cuts_no_more(text: str) -> None:
    once = cut_inner_loops(text)

    assert cut_inner_loops(once) == once
    assert len(once.split()) == len(text.split())
    assert not any(letter * 4 in once for letter in "abf")

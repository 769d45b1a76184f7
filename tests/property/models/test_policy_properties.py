"""Committed words stay, however the audio of an utterance is cut into updates."""

from hypothesis import given
from hypothesis import strategies as st

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import PolicyConfig
from models.asr.partials.policies import make_policy

configs = st.builds(
    PolicyConfig,
    name=st.sampled_from(["local_agreement", "attention_guided", "utterance_only"]),
    guard_ms=st.integers(0, 1_000),
)
texts = st.lists(st.sampled_from(["a", "B.", "c", "dd"]), max_size=6)
WORD_MS = 250


def as_words(spelled: list[str], shift_ms: int = 0) -> tuple[Word, ...]:
    return tuple(
        Word(text=text, start_ms=n * WORD_MS, end_ms=(n + 1) * WORD_MS + shift_ms, confidence=1.0)
        for n, text in enumerate(spelled)
    )


@given(
    config=configs,
    updates=st.lists(st.tuples(texts, st.integers(-200, 200), st.integers(0, 600)), max_size=10),
)
def test_no_policy_takes_a_committed_word_back(
    config: PolicyConfig, updates: list[tuple[list[str], int, int]]
) -> None:
    policy = make_policy(config)
    decoded_ms = 0
    for spelled, shift_ms, more_ms in updates:
        decoded_ms += more_ms
        before = policy.last.committed
        words = as_words(spelled, shift_ms)
        partial = policy.update(Hypothesis(words=words, duration_ms=decoded_ms))
        assert partial.committed[: len(before)] == before
        assert set(partial.words[len(before) :]) <= set(words)
        assert 0 <= partial.stability <= 1
        assert partial.decoded_ms == decoded_ms


@given(
    spelled=st.lists(st.sampled_from(["a", "B.", "c", "dd"]), min_size=1, max_size=12),
    steps=st.lists(st.integers(1, 900), min_size=1, max_size=12),
    guard_ms=st.integers(0, 800),
)
def test_a_recognizer_that_never_errs_is_quoted_whole_whatever_the_chunks(
    spelled: list[str], steps: list[int], guard_ms: int
) -> None:
    """Every chunking ends with the same words, each committed once its guard has passed."""
    policy = make_policy(PolicyConfig(name="attention_guided", guard_ms=guard_ms))
    words = as_words(spelled)
    whole_ms = words[-1].end_ms + guard_ms
    decoded_ms = 0
    for step in [*steps, whole_ms]:
        decoded_ms = min(decoded_ms + step, whole_ms)
        heard = tuple(word for word in words if word.end_ms <= decoded_ms)
        partial = policy.update(Hypothesis(words=heard, duration_ms=decoded_ms))
        assert partial.words == heard
        assert partial.committed == tuple(
            word for word in words if word.end_ms + guard_ms <= decoded_ms
        )

    assert policy.last.committed == words


@given(spelled=texts, guard_ms=st.integers(0, 800), decoded_ms=st.integers(0, 3_000))
def test_attention_is_never_later_than_agreement_on_what_its_guard_has_passed(
    spelled: list[str], guard_ms: int, decoded_ms: int
) -> None:
    """The first update may commit; two are what agreement needs."""
    heard = Hypothesis(words=as_words(spelled), duration_ms=decoded_ms)
    guided = make_policy(PolicyConfig(name="attention_guided", guard_ms=guard_ms)).update(heard)
    agreed = make_policy(PolicyConfig(name="local_agreement")).update(heard)

    assert agreed.committed == ()
    assert guided.committed == tuple(
        word for word in heard.words if word.end_ms <= decoded_ms - guard_ms
    )

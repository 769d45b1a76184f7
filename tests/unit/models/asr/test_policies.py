"""Three ways to commit words before the final."""

import msgspec
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import PolicyConfig, PolicyName
from models.asr.partials.policies import choose_policy, make_policy


def decoded(text: str, duration_ms: int) -> Hypothesis:
    """Return words of 180 ms, one every 200 ms from the start of the audio."""
    words = tuple(
        Word(text=word, start_ms=200 * n, end_ms=200 * n + 180, confidence=0.8)
        for n, word in enumerate(text.split())
    )
    return Hypothesis(text=text, words=words, duration_ms=duration_ms)


def spelled(heard: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in heard)


GUIDED = PolicyConfig(name="attention_guided", guard_ms=300)


def test_attention_commits_at_the_first_update_what_lies_far_enough_back() -> None:
    partial = make_policy(GUIDED).update(decoded("my order has not", 800))

    assert spelled(partial.committed) == "my order"
    assert spelled(partial.tentative) == "has not"
    assert partial.stability == 0.5
    assert partial.decoded_ms == 800


def test_nothing_is_committed_behind_a_word_that_must_wait() -> None:
    late = Word(text="late", start_ms=100, end_ms=990, confidence=0.5)
    early = Word(text="early", start_ms=200, end_ms=300, confidence=0.5)

    partial = make_policy(GUIDED).update(Hypothesis(words=(late, early), duration_ms=1_000))

    assert partial.committed == ()


def test_a_later_decode_repeats_and_loses_nothing() -> None:
    policy = make_policy(GUIDED)
    policy.update(decoded("order two four", 900))

    partial = policy.update(decoded("the order two four seven nine", 1_300))

    assert spelled(partial.words) == "order two four seven nine"
    assert spelled(partial.committed) == "order two four seven"


def test_before_the_final_the_utterance_policy_says_and_asks_nothing() -> None:
    policy = make_policy(PolicyConfig(name="utterance_only"))

    partial = policy.update(decoded("my order", 4_000))

    assert not policy.wants_partials
    assert partial.words == ()
    assert partial.decoded_ms == 4_000


@pytest.mark.parametrize("name", ["local_agreement", "attention_guided"])
def test_the_other_policies_ask_for_partials(name: PolicyName) -> None:
    assert make_policy(PolicyConfig(name=name)).wants_partials


@pytest.mark.parametrize("name", ["local_agreement", "attention_guided"])
def test_a_policy_goes_on_from_a_partial_kept_outside(name: PolicyName) -> None:
    config = PolicyConfig(name=name, guard_ms=300)
    whole = make_policy(config)
    first = whole.update(decoded("my order has", 700))

    resumed = make_policy(config, first)

    assert resumed.update(decoded("my border has not", 1_000)) == whole.update(
        decoded("my border has not", 1_000)
    )


def test_settings_win_over_the_weights_and_the_weights_over_the_default() -> None:
    calibrated = PolicyConfig(name="attention_guided", guard_ms=240)

    assert choose_policy() == PolicyConfig()
    assert choose_policy(calibrated=calibrated) == calibrated
    assert choose_policy(guard_ms=100, calibrated=calibrated).guard_ms == 100
    assert choose_policy("local_agreement", calibrated=calibrated).name == "local_agreement"
    assert choose_policy("attention_guided", calibrated=calibrated).guard_ms == 240


def test_a_guard_cannot_reach_into_the_future() -> None:
    with pytest.raises(ValueError, match="guard_ms is -1"):
        choose_policy("attention_guided", -1)


def test_a_manifest_can_carry_the_policy() -> None:
    read = msgspec.json.decode(b'{"name":"attention_guided","guard_ms":320}', type=PolicyConfig)

    assert read == PolicyConfig(name="attention_guided", guard_ms=320)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"name":"attention_giuded"}', type=PolicyConfig)

"""When words are committed, and what happens when a later decode disagrees."""

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.partials.agreement import LocalAgreement, PartialHypothesis, agreed_prefix


def words(text: str) -> tuple[Word, ...]:
    return tuple(
        Word(text=word, start_ms=200 * n, end_ms=200 * n + 180, confidence=0.8)
        for n, word in enumerate(text.split())
    )


def decoded(text: str, duration_ms: int = 1_000) -> Hypothesis:
    return Hypothesis(text=text, words=words(text), duration_ms=duration_ms)


def spelled(heard: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in heard)


def updates(*texts: str) -> PartialHypothesis:
    agreement = LocalAgreement()
    for text in texts:
        agreement.update(decoded(text))
    return agreement.last


def test_the_first_hypothesis_commits_nothing() -> None:
    partial = updates("my order")

    assert partial.committed == ()
    assert spelled(partial.tentative) == "my order"
    assert partial.stability == 0.0


def test_words_that_two_updates_agree_upon_are_committed() -> None:
    partial = updates("my order has", "my order had not")

    assert spelled(partial.committed) == "my order"
    assert spelled(partial.tentative) == "had not"
    assert partial.stability == 0.5


def test_committed_words_keep_their_spelling_when_a_later_decode_differs() -> None:
    partial = updates("my order", "my order has", "my border has not", "my border has not come")

    assert spelled(partial.committed) == "my order has not"
    assert spelled(partial.tentative) == "come"


def test_a_word_inserted_before_committed_ones_repeats_nothing() -> None:
    partial = updates("order two four", "order two four", "the order two four seven")

    assert spelled(partial.words) == "order two four seven"


def test_a_shorter_decode_takes_nothing_back() -> None:
    partial = updates("yes please do", "yes please do", "yes")

    assert spelled(partial.committed) == "yes please do"
    assert partial.stability == 1.0


def test_case_and_punctuation_do_not_count() -> None:
    assert spelled(agreed_prefix(words("well, Yes"), words("Well yes. no"))) == "Well yes."


def test_the_state_can_be_kept_outside() -> None:
    last = updates("my order", "my order has")

    assert LocalAgreement(last).update(decoded("my order has not")) == updates(
        "my order", "my order has", "my order has not"
    )


def test_a_partial_says_how_much_audio_it_heard() -> None:
    assert LocalAgreement().update(decoded("yes", duration_ms=640)).decoded_ms == 640

"""Greetings, short answers and partings."""

from random import Random

from training.asr.synthesis.recipe import Synthesis
from training.asr.synthesis.sentences import sample_sentences
from training.asr.synthesis.small_talk import generate_small_talk
from training.text.spoken_words import parse_sentence


def test_small_talk_is_written_as_whisper_writes() -> None:
    """With capitals and marks, and with the words that the synthesiser reads."""
    random = Random(3)
    sentences = [generate_small_talk(random) for _ in range(500)]

    assert all(one.text[0].isupper() and one.text[-1] in ".?!" for one in sentences)
    parsed = [parse_sentence(one.text) for one in sentences]
    assert parsed == sentences
    assert len({one.words for one in sentences}) > 250


def test_homophones_of_digits_come_as_words() -> None:
    """Else a recognizer that hears much dictation writes "you two"."""
    random = Random(4)
    words = [word for _ in range(2_000) for word in generate_small_talk(random).words]

    assert min(words.count(word) for word in ("too", "to", "for")) > 50
    assert words.count("two") < words.count("too") / 5


def test_a_share_of_the_sentences_is_small_talk() -> None:
    """None of it unless asked for, and then the others stay what they were."""
    sentence = parse_sentence("The only sentence of a source, which is long enough.")
    assert sentence is not None
    pools = {"source": [sentence]}

    def drawn(share: float) -> list[str]:
        settings = Synthesis(utterances=400, generated_share=0.0, small_talk_share=share)
        return [one.text for one in sample_sentences(pools, settings=settings, excluded=(), seed=1)]

    assert set(drawn(0.0)) == {sentence.text}
    others = [text for text in drawn(0.25) if text != sentence.text]
    assert 60 < len(others) < 140

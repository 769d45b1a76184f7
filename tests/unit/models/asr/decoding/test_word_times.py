"""Words begin and end where the sound does."""

import numpy as np

from models.asr.core.hypothesis import Word
from models.asr.decoding.word_times import settle_times
from models.audio.samples import FloatArray
from tests.support.models.synthetic_audio import noise, silence, tones


def word(start_ms: int, end_ms: int) -> Word:
    return Word(text="word", start_ms=start_ms, end_ms=end_ms, confidence=0.5)


def two_words() -> FloatArray:
    """Return sound from 200 to 500 and from 800 to 1,200 ms, with line noise, of 1,500 ms."""
    parts = (silence(200), tones(300, 300, 900), silence(300), tones(400, 400, 1_100), silence(300))
    return np.concatenate(parts) + noise(1_500, level=0.0005)


def spans(words: tuple[Word, ...]) -> list[tuple[int, int]]:
    return [(one.start_ms, one.end_ms) for one in words]


def test_silence_at_the_edges_of_words_is_left_out() -> None:
    settled = settle_times([word(0, 640), word(640, 1_000)], two_words())

    expected = [(200, 500), (800, 1_200)]
    assert np.abs(np.subtract(spans(settled), expected)).max() <= 20


def test_a_pause_in_one_word_stays() -> None:
    (settled,) = settle_times([word(100, 1_300)], two_words())

    assert abs(settled.start_ms - 200) <= 20
    assert abs(settled.end_ms - 1_200) <= 20


def test_a_word_in_silence_keeps_its_times() -> None:
    words = (word(520, 780), word(900, 1_000))

    assert settle_times(words, two_words())[0] == words[0]


def test_a_word_of_which_too_little_sounds_keeps_its_times() -> None:
    words = (word(480, 760), word(900, 1_000))

    assert settle_times(words, two_words())[0] == words[0]


def test_the_last_word_ends_with_the_sound_but_never_far_behind() -> None:
    (near,) = settle_times([word(820, 900)], two_words())
    (far,) = settle_times([word(200, 260)], tones(3_000, 300, 900))

    assert abs(near.end_ms - 1_200) <= 20
    assert far.end_ms <= 660


def test_no_words_and_no_audio_are_no_trouble() -> None:
    assert settle_times([], two_words()) == ()
    assert settle_times([word(0, 100)], silence(0)) == (word(0, 100),)

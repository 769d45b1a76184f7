"""Both synthesisers, where they are installed."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from training.asr.synthesis import voices
from training.asr.synthesis.espeak import Espeak, EspeakSettings
from training.asr.synthesis.flite import Flite, FliteSettings
from training.asr.synthesis.grammar import generate_sentence
from training.asr.synthesis.speech import SynthesiserMissingError
from training.asr.synthesis.training_speech import to_recording
from training.asr.synthesis.voice_set import speak_festival
from training.text.spoken_words import normalise_words, parse_sentence

if TYPE_CHECKING:
    from training.asr.synthesis.speech import Speech

TEXT = "hello, i'd like to book a table for two, please."


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    """espeak-ng, or a skip that says how to get it."""
    try:
        return Espeak()
    except SynthesiserMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def flite() -> Flite:
    """Flite, or a skip that says how to get it."""
    try:
        return Flite()
    except SynthesiserMissingError as error:
        pytest.skip(str(error))


def _check(speech: Speech) -> None:
    """Times are in order, within the audio, and speech is louder than the pauses."""
    words = TEXT.split()
    rate = speech.sample_rate_hz
    assert len(speech.word_spans_ms) == len(words)
    starts = [start for start, _ in speech.word_spans_ms]
    assert starts == sorted(starts)
    assert all(end > start for start, end in speech.word_spans_ms)
    assert speech.word_spans_ms[-1][1] <= len(speech.samples) * 1000 / rate + 20
    assert list(speech.phone_starts_ms) == sorted(speech.phone_starts_ms)
    said = [
        speech.samples[start * rate // 1000 : end * rate // 1000]
        for start, end in speech.word_spans_ms
    ]
    pause_start, pause_end = speech.word_spans_ms[0][1], speech.word_spans_ms[1][0]
    pause = speech.samples[(pause_start + 30) * rate // 1000 : (pause_end - 30) * rate // 1000]
    assert np.std(np.concatenate(said)) > 5 * np.std(pause)


def test_espeak_gives_word_and_phone_times(espeak: Espeak) -> None:
    """The comma's pause lies between the first two words."""
    _check(espeak.speak(TEXT, EspeakSettings("en-us+f2")))


def test_flite_gives_word_and_phone_times(flite: Flite) -> None:
    """The same for a parametric and a diphone voice."""
    _check(flite.speak(TEXT, FliteSettings("slt")))
    _check(flite.speak(TEXT, FliteSettings("kal16", 1.1, 1.2)))


def test_the_same_settings_give_the_same_samples(espeak: Espeak, flite: Flite) -> None:
    """Whatever was said in between: the demo call is made of this."""
    first = flite.speak(TEXT, FliteSettings("rms", 0.9))
    flite.speak("something else", FliteSettings("rms", 1.3, 0.8))
    again = flite.speak(TEXT, FliteSettings("rms", 0.9))
    assert np.array_equal(first.samples, again.samples)

    slow = espeak.speak(TEXT, EspeakSettings("en-us", 120))
    fast = espeak.speak(TEXT, EspeakSettings("en-us", 240))
    assert len(slow.samples) > 1.5 * len(fast.samples)


def test_a_voice_that_does_not_exist_is_refused(espeak: Espeak, flite: Flite) -> None:
    """The message names the voice."""
    with pytest.raises(SynthesiserMissingError, match="nobody"):
        espeak.speak(TEXT, EspeakSettings("nobody"))
    with pytest.raises(SynthesiserMissingError, match="nobody"):
        flite.speak(TEXT, FliteSettings("nobody"))


def test_warped_speech_is_shorter_and_its_times_too(flite: Flite) -> None:
    """Playing 10 % faster moves every time by the same share."""
    sentence = parse_sentence(TEXT)
    assert sentence is not None
    speech = flite.speak(sentence.spoken_text, FliteSettings("kal"))

    plain = to_recording(speech, sentence, source="flite", voice="kal")
    fast = to_recording(speech, sentence, source="flite", voice="kal", warp=1.1)

    assert plain is not None
    assert fast is not None
    assert len(fast.samples) == pytest.approx(len(plain.samples) / 1.1, abs=2)
    last = plain.utterance.word_spans_ms[-1][1]
    assert fast.utterance.word_spans_ms[-1][1] == pytest.approx(last / 1.1, abs=1)


def test_no_evaluation_voice_is_a_training_voice() -> None:
    """Drawn often enough to meet every voice of both sides."""
    random = Random(1)
    trained = {voices.training_espeak(random).voice for _ in range(5000)}
    held_out = {voices.held_out_espeak(random).voice for _ in range(2000)}
    variants = {voice.partition("+")[2] for voice in trained}

    assert not {voice.partition("+")[2] for voice in held_out} & variants
    assert voices.HELD_OUT_FLITE not in {voices.training_flite(random).voice for _ in range(500)}
    assert len(trained) > 200


def test_generated_sentences_are_words_that_can_be_transcribed() -> None:
    """Every word survives the text normaliser unchanged, and one token is read per word."""
    random = Random(4)
    for _ in range(500):
        sentence = generate_sentence(random)
        assert len(sentence.words) == len(sentence.spoken)
        for word in sentence.words:
            assert len(word) == 1 or normalise_words(word) == (word,)


@pytest.mark.parametrize("script", [None, "#!/bin/sh\nexit 255\n"])
def test_without_festival_or_its_voice_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str | None
) -> None:
    """The program is missing, or refuses the voice."""
    if script is not None:
        program = tmp_path / "text2wave"
        program.write_text(script)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    sentence = parse_sentence(TEXT)
    assert sentence is not None

    with pytest.raises(SynthesiserMissingError, match="apt-get install festival festvox"):
        speak_festival(sentence)

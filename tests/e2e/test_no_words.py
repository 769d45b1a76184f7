"""No speech makes no words: a recognizer behind the real voice activity detector."""

import numpy as np
import pytest

from models.audio.samples import FloatArray
from schemas.audio import AudioMessage
from schemas.transcripts import TranscriptFinal
from stream_app.agents import transcribe
from stream_app.agents.definition import AgentDefinition
from stream_app.settings import Settings
from tests.support.calls.recorded_calls import RATE_HZ, call_ended, call_started, chunk
from tests.support.models.micro import MICRO
from tests.support.system.lanes import outputs_of

pytestmark = pytest.mark.slow
SECONDS = 30
HANDFUL = 5
DTMF_HZ = {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "0": (941, 1336)}
CHORDS_HZ = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))


def clock() -> FloatArray:
    return np.arange(SECONDS * RATE_HZ).astype(np.float32) / np.float32(RATE_HZ)


def hold_music() -> FloatArray:
    """Chords with overtones, a beat and a slow tremolo."""
    time_s = clock()
    notes = np.zeros_like(time_s)
    for bar, chord in enumerate(CHORDS_HZ * (SECONDS // len(CHORDS_HZ) + 1)):
        inside = (time_s >= bar) & (time_s < bar + 1)
        for tone_hz in chord:
            for overtone in (1, 2, 3, 4):
                wave = np.sin(2 * np.pi * tone_hz * overtone * time_s) / overtone**1.5
                notes[inside] += wave[inside]
    beat = np.exp(-4 * (time_s % 0.5)) * 0.7 + 0.3
    return np.asarray(0.08 * notes * beat * (1 + 0.2 * np.sin(2 * np.pi * 5 * time_s)), np.float32)


def dtmf() -> FloatArray:
    """Keys of 200 ms with pauses, as an impatient caller presses them."""
    time_s = clock()
    tones = np.zeros_like(time_s)
    for number, key in enumerate("1509" * (SECONDS // 2)):
        inside = (time_s >= number * 0.5) & (time_s < number * 0.5 + 0.2)
        for tone_hz in DTMF_HZ[key]:
            tones[inside] += 0.3 * np.sin(2 * np.pi * tone_hz * time_s[inside])
    return tones


def long_silence() -> FloatArray:
    """A line that is open and quiet."""
    return noise(0.0005)


def clipped_noise() -> FloatArray:
    """A broken line at full level."""
    return np.clip(noise(1.5), -1.0, 1.0)


def noise(level: float) -> FloatArray:
    generator = np.random.default_rng(7)
    return generator.standard_normal(SECONDS * RATE_HZ).astype(np.float32) * np.float32(level)


@pytest.fixture(scope="module")
def agent() -> AgentDefinition:
    return transcribe.define(Settings().replace(asr={"model": MICRO}))


@pytest.mark.parametrize(
    "sound", [hold_music, dtmf, long_silence, clipped_noise], ids=lambda sound: sound.__name__
)
def test_what_is_no_speech_makes_no_words(agent: AgentDefinition, sound: object) -> None:
    assert callable(sound)
    samples = sound()
    audio = np.stack([samples, noise(0.0005)], axis=1)
    step = RATE_HZ // 10
    messages: list[AudioMessage] = [
        call_started("c"),
        *(
            chunk("c", n, start, audio[start : start + step])
            for n, start in enumerate(range(0, len(audio), step))
        ),
        call_ended("c"),
    ]

    finals = [m for m in outputs_of(agent, messages) if isinstance(m, TranscriptFinal)]

    words = [word.text for final in finals for word in final.words]
    assert len(words) <= HANDFUL, words

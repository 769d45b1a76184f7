"""Where nobody speaks, no words are heard: the real front end, engine and guards."""

import numpy as np
import pytest

from benchmarks.quality.non_speech import detected_sounds, word_figures
from models.asr.core.requests import SpeechEngine, SpeechRequest
from models.asr.engine import load_engine
from models.asr.guards import DEFAULT_GUARDS, apply_guards
from models.audio.resample import StreamResampler
from models.audio.samples import FloatArray
from models.vad.silero import load_vad
from stream_app.calls.transcribe.segmenter import SegmentConfig
from tests.support.models.micro import MICRO
from training.asr.speech.non_speech import KINDS, NonSpeechClip, loudest_stretches, non_speech_clips

MINUTES = len(KINDS) / 4  # every kind once


@pytest.fixture(scope="module")
def clips() -> list[NonSpeechClip]:
    return list(non_speech_clips(minutes=MINUTES))


@pytest.fixture(scope="module")
def engine() -> SpeechEngine:
    return load_engine(MICRO)


def wide(samples: FloatArray) -> FloatArray:
    resampler = StreamResampler(8_000)
    return np.concatenate((resampler.insert(samples), resampler.flush()))


def test_clips_repeat_bit_for_bit_and_cover_every_kind(clips: list[NonSpeechClip]) -> None:
    again = list(non_speech_clips(minutes=MINUTES))

    assert {clip.kind for clip in clips} == set(KINDS)
    for one, other in zip(clips, again, strict=True):
        assert np.array_equal(one.samples, other.samples)
        assert len(one.samples) == 15 * 8_000


def test_clips_are_as_loud_as_they_say() -> None:
    loud, quiet = (
        next(
            clip
            for clip in non_speech_clips(minutes=4 * MINUTES)
            if (clip.kind, clip.level_db) == wanted
        )
        for wanted in (("white noise", -15.0), ("white noise", -45.0))
    )

    for clip in (loud, quiet):
        rms_db = 10 * np.log10(np.mean(np.square(clip.samples)))
        assert rms_db == pytest.approx(clip.level_db, abs=0.7)


def test_the_loudest_stretches_are_short_and_hold_the_sound(clips: list[NonSpeechClip]) -> None:
    stretches = list(loudest_stretches(clips))

    assert {len(each.samples) for each in stretches} == {4_000, 8_000, 16_000}
    for clip, stretch in zip(clips, stretches, strict=True):
        assert stretch.kind == clip.kind
        powers = [float(np.mean(np.square(each.samples))) for each in (clip, stretch)]
        assert powers[1] >= 0.999 * powers[0]


def test_five_minutes_of_a_line_without_speech_give_no_words(
    clips: list[NonSpeechClip], engine: SpeechEngine
) -> None:
    sounds = detected_sounds(clips, load_vad(sample_rate_hz=8_000), SegmentConfig())

    heard = word_figures(sounds, [engine.transcribe(sound.samples) for sound in sounds])

    assert len(sounds) <= len(clips) // 4
    assert heard["words"] <= 1, heard["texts"]


def test_without_voice_activity_detection_the_guards_take_most_words(
    clips: list[NonSpeechClip], engine: SpeechEngine
) -> None:
    """They are no ornament: what the detector lets through they must stop."""
    made_up = left = 0
    for clip in clips:
        samples = wide(clip.samples)[: 16_000 * 4]
        (hypothesis,) = engine.transcribe_batch([SpeechRequest(samples)])
        made_up += len(hypothesis.words)
        left += len(apply_guards(hypothesis, samples, DEFAULT_GUARDS).hypothesis.words)

    assert left <= max(made_up / 3, 3), (made_up, left)

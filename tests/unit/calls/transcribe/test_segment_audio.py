"""Audio of segments: at 16 kHz, and a function of the frames alone."""

import numpy as np
import pytest
import soxr

from models.audio.samples import FloatArray
from stream_app.calls.transcribe.segmenter.segment_audio import BLOCK_FRAMES, SegmentAudio
from tests.support.models.synthetic_audio import babble

FRAMES = 60
BEFORE = 16  # frames before the origin


def frames(rate_hz: int) -> list[FloatArray]:
    return list(babble(32 * (BEFORE + FRAMES), rate_hz=rate_hz).reshape(BEFORE + FRAMES, -1))


def heard(count: int, rate_hz: int = 8_000) -> SegmentAudio:
    """Return the audio after ``count`` frames from the origin on."""
    every = frames(rate_hz)
    audio = SegmentAudio(every[:BEFORE])
    for frame in every[BEFORE : BEFORE + count]:
        audio.append(frame)
    return audio


def test_wideband_audio_passes_as_it_is() -> None:
    expected = np.concatenate(frames(16_000)[BEFORE - 9 : BEFORE + 20])

    assert np.array_equal(heard(30, 16_000).samples(-9, 20), expected)


def test_telephone_audio_is_resampled_without_seams() -> None:
    """As if the whole of it had been, filter and all."""
    whole = soxr.resample(np.concatenate(frames(8_000)), 8_000, 16_000, quality="HQ")

    samples = heard(FRAMES).samples(-9, 50)

    assert samples.shape == (59 * 512,)
    assert np.allclose(samples, whole[(BEFORE - 9) * 512 : (BEFORE + 50) * 512], atol=1e-5)


@pytest.mark.parametrize("end", [3, 7, 8, 23, 24, 39, 50])
def test_what_was_asked_for_before_does_not_matter(end: int) -> None:
    """A final is the same whether or not partials of its segment were decoded."""
    asked = heard(0)
    for count, frame in enumerate(frames(8_000)[BEFORE : BEFORE + 52], start=1):
        asked.append(frame)
        asked.samples(-9, count)

    assert np.array_equal(asked.samples(-9, end), heard(52).samples(-9, end))


def test_a_cut_inside_a_block_that_was_converted_is_heard() -> None:
    audio = heard(40)
    audio.samples(0, 2 * BLOCK_FRAMES)

    shorter = audio.samples(0, BLOCK_FRAMES + 3)

    assert len(shorter) == (BLOCK_FRAMES + 3) * 512
    assert np.array_equal(shorter, heard(40).samples(0, BLOCK_FRAMES + 3))


def test_frames_before_an_onset_are_forgotten() -> None:
    audio = heard(50)
    expected = heard(50).samples(38, 50)

    audio.keep_last(16)

    assert audio.end == 50
    assert np.array_equal(audio.samples(38, 50), expected)


def test_the_quietest_frame_has_the_least_energy() -> None:
    audio = heard(20)
    audio.append(np.zeros(256, dtype=np.float32))
    audio.append(frames(8_000)[0])

    levels = audio.levels(5)

    assert len(levels) == 17
    assert int(np.argmin(levels)) == 15

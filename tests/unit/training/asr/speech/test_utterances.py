"""Shards of speech on disk."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.errors import AudioFormatError
from tests.support.speech_training.tone_speech import tone_recording
from training.asr.speech.audio_files import read_mono
from training.asr.speech.utterances import SpeechPool, write_shard


class KilledError(Exception):
    """The process is gone."""


def test_a_shard_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The second one in place of the first."""
    write_shard(tmp_path / "000", [tone_recording("yes"), tone_recording("no thanks")])
    write_shard(tmp_path / "000", [tone_recording("hello there")])

    pool = SpeechPool([tmp_path])

    assert [each.words for each in pool.utterances] == [("hello", "there")]
    assert pool.samples(0) == pytest.approx(tone_recording("hello there").samples, abs=0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000.msgpack", "000.u8"]


def test_old_words_never_belong_to_new_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever the second writing is killed, the shard is whole or not there."""
    write_shard(tmp_path / "000", [tone_recording("yes"), tone_recording("no thanks")])

    def die(*_: object) -> None:
        raise KilledError

    monkeypatch.setattr(Path, "write_bytes", die)
    with pytest.raises(KilledError):
        write_shard(tmp_path / "000", [tone_recording("hello there")])

    assert len(SpeechPool([tmp_path])) == 0


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """A WAV file of floats can hold them."""
    samples = np.zeros(800)
    samples[7] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="FLOAT")

    with pytest.raises(AudioFormatError, match=r"a\.wav has samples that are no finite numbers"):
        read_mono(tmp_path / "a.wav", 8_000)

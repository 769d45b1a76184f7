"""Small data for adaptations."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.speech_training.tiny_adaptation import TEXTS
from tests.support.speech_training.tone_speech import tone_recording
from training.asr.speech.folders import SpeechFolders
from training.asr.speech.utterances import write_shard
from training.asr.synthesis.recipe import Synthesis
from training.asr.synthesis.speech_folder import mark_complete


@pytest.fixture
def folders(tmp_path: Path) -> SpeechFolders:
    """Synthetic pieces of tones, one held-out set, a noise and music."""
    made = SpeechFolders(tmp_path / "data", tmp_path / "work")
    write_shard(made.synthetic / "000", [tone_recording(text) for text in TEXTS * 2])
    mark_complete(made.synthetic, Synthesis(utterances=10), 10)
    write_shard(made.real_test / "tones" / "000", [tone_recording(text) for text in TEXTS])
    for name in ("noise", "hold_music"):
        (made.augment / name).mkdir(parents=True)
        noise = np.random.default_rng(1).uniform(-0.5, 0.5, 8_000)
        soundfile.write(made.augment / name / "one.flac", noise, 8_000)
    return made

"""Fixtures of the training tests: small shards of tones, and a tiny recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from stream_app.cli.app import app
from tests.support.speech_training.tone_speech import RECIPES, tone_recording
from training.asr.scratch.recipe import Recipe, read_recipe
from training.asr.speech.folders import SpeechFolders
from training.asr.speech.utterances import SAMPLE_RATE_HZ, write_shard

_SENTENCES = (
    "hello there",
    "yes",
    "my order number is four two seven",
    "thank you for calling",
    "i'd like to return a lamp please",
    "no problem at all",
)


@pytest.fixture
def data_folders(tmp_path: Path) -> SpeechFolders:
    """Shards of both synthesisers, real speech without times, noise and music."""
    synthetic = [tone_recording(text, source="espeak") for text in _SENTENCES]
    synthetic += [tone_recording(text, source="flite") for text in _SENTENCES]
    folders = SpeechFolders(data=tmp_path / "data", work=tmp_path / "work")
    write_shard(folders.synthetic / "000", synthetic)
    for corpus in ("kathleen", "fsdd"):
        real = [tone_recording(text, source=corpus) for text in ("four", "seven")]
        write_shard(folders.real / corpus / "000", real)
    noise = np.random.default_rng(1).standard_normal(SAMPLE_RATE_HZ) * 0.1
    for kind in ("noise", "hold_music"):
        (folders.augment / kind).mkdir(parents=True)
        soundfile.write(folders.augment / kind / "one.flac", noise, SAMPLE_RATE_HZ)
    return folders


@pytest.fixture(scope="session")
def run_train() -> Callable[..., Result]:
    """Run ``callstream train`` with some arguments, in a terminal of 160 columns."""

    def run(*arguments: object) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, ["train", *words], env={"COLUMNS": "160"})

    return run


@pytest.fixture
def tiny_recipe() -> Recipe:
    """The recipe that trains in seconds."""
    return read_recipe(RECIPES / "tiny.toml")

"""Fixtures of the training tests: small shards of tones, and a tiny recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.unit.training.tone_speech import RECIPES, tone_recording
from training.asr.recipe import Recipe, read_recipe
from training.asr.run import DataFolders
from training.asr.utterances import SAMPLE_RATE_HZ, write_shard

_SENTENCES = (
    "hello there",
    "yes",
    "my order number is four two seven",
    "thank you for calling",
    "i'd like to return a lamp please",
    "no problem at all",
)


@pytest.fixture
def data_folders(tmp_path: Path) -> DataFolders:
    """Shards of both synthesisers, real speech without times, noise and music."""
    synthetic = [tone_recording(text, source="espeak") for text in _SENTENCES]
    synthetic += [tone_recording(text, source="flite") for text in _SENTENCES]
    write_shard(tmp_path / "synthetic" / "000", synthetic)
    for corpus in ("kathleen", "fsdd"):
        real = [tone_recording(text, source=corpus) for text in ("four", "seven")]
        write_shard(tmp_path / "real" / corpus / "000", real)
    noise = np.random.default_rng(1).standard_normal(SAMPLE_RATE_HZ) * 0.1
    for kind in ("noise", "hold_music"):
        (tmp_path / "augment" / kind).mkdir(parents=True)
        soundfile.write(tmp_path / "augment" / kind / "one.flac", noise, SAMPLE_RATE_HZ)
    return DataFolders(
        synthetic=tmp_path / "synthetic",
        real=tmp_path / "real",
        augment=tmp_path / "augment",
    )


@pytest.fixture
def tiny_recipe() -> Recipe:
    """The recipe that trains in seconds."""
    return read_recipe(RECIPES / "tiny.toml")

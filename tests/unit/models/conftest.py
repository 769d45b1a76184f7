"""Tiny random speech engines, loaded once."""

from pathlib import Path

import pytest
from whisper.model import Whisper

from models.asr import load_engine
from models.asr.whisper_engine import WhisperEngine
from tests.unit.models.random_whisper import random_whisper, save_checkpoint, write_manifest


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def network() -> Whisper:
    """Return a random network that ends some texts early."""
    return random_whisper(eot_gain=3.5)


@pytest.fixture(scope="session")
def full_engine(network: Whisper, weights_folder: Path) -> WhisperEngine:
    """Return the network as official weights are used: 30 s of context."""
    return load_engine(str(save_checkpoint(network, weights_folder / "full.pt")))


@pytest.fixture(scope="session")
def cut_engine(network: Whisper, weights_folder: Path) -> WhisperEngine:
    """Return the network as bundled weights are used: context of the audio's length."""
    checkpoint = save_checkpoint(network, weights_folder / "cut.pt")
    write_manifest(checkpoint, encoder_context="cut", pad_ms=200)
    return load_engine(str(checkpoint))

"""Tiny random speech engines, loaded once."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from whisper.model import Whisper

from models.asr.decoding.whisper_engine import WhisperEngine
from models.asr.engine import Backend, load_engine
from tests.support.models.random_whisper import random_whisper, save_checkpoint, write_manifest

BACKENDS: list[Backend] = ["torch", "onnx"]
if find_spec("mlx"):
    BACKENDS.append("mlx")


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="session")
def network() -> Whisper:
    """Return a random network that ends some texts early."""
    return random_whisper(eot_gain=3.5)


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return one back-end after the other: all have to conform."""
    name: Backend = request.param
    return name


@pytest.fixture(scope="session")
def full_engine(network: Whisper, weights_folder: Path, backend: Backend) -> WhisperEngine:
    """Return the network as official weights are used: 30 s of context."""
    checkpoint = save_checkpoint(network, weights_folder / "full.pt")
    return load_engine(str(checkpoint), backend=backend, precision="fp32", cache=weights_folder)


@pytest.fixture(scope="session")
def cut_engine(network: Whisper, weights_folder: Path, backend: Backend) -> WhisperEngine:
    """Return the network as bundled weights are used: context of the audio's length."""
    checkpoint = save_checkpoint(network, weights_folder / "cut.pt")
    write_manifest(checkpoint, encoder_context="cut", pad_ms=200)
    return load_engine(str(checkpoint), backend=backend, precision="fp32", cache=weights_folder)

"""A device that a back-end cannot use is told at once, whatever the back-end."""

from pathlib import Path

import pytest
from whisper.model import Whisper

from models.asr.backends.torch_network import usable_device
from models.asr.engine import Backend, load_engine
from schemas.errors import ConfigurationError
from tests.support.models.random_whisper import save_checkpoint


@pytest.mark.parametrize("device", ["banana", "cuda:99", "meta", "hpu", "", "CPU"])
def test_a_device_that_torch_has_not_here_is_told(device: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"^torch cannot run on '{device}' \(CUDA is (not )?available"
    ) as raised:
        usable_device(device)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_wrong_device_is_told_before_weights_are_exported(
    network: Whisper, tmp_path: Path, backend: Backend
) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    cache = tmp_path / "cache"

    with pytest.raises(ConfigurationError, match="'banana'"):
        load_engine(str(checkpoint), backend=backend, device="banana", cache=cache)
    assert not cache.exists()


def test_bundled_graphs_run_on_no_other_device_than_the_one_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="'cuda:99'"):
        load_engine(backend="onnx", device="cuda:99")

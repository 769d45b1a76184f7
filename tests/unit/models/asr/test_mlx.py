"""The MLX back-end beyond what all back-ends have to conform to (``test_whisper_engine.py``)."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from whisper.model import Whisper

from models.asr.core.requests import DecodeOptions
from models.asr.decoding.whisper_engine import WhisperEngine
from models.asr.engine import Precision, load_engine
from schemas.errors import ConfigurationError
from tests.support.models.random_whisper import save_checkpoint, write_manifest
from tests.support.models.synthetic_audio import babble

pytest.importorskip("mlx.core")

SAMPLES = babble(1_500)


@pytest.fixture(scope="module")
def checkpoint(network: Whisper, tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint = save_checkpoint(network, tmp_path_factory.mktemp("mlx") / "mine.pt")
    write_manifest(checkpoint, encoder_context="cut", pad_ms=200)
    return checkpoint


@pytest.fixture(scope="module")
def exact(checkpoint: Path) -> WhisperEngine:
    return load_engine(str(checkpoint), backend="mlx")


@pytest.mark.parametrize(("precision", "bits"), [("fp16", 10), ("bf16", 7)])
def test_narrower_floats_stay_near(
    checkpoint: Path, exact: WhisperEngine, precision: Precision, bits: int
) -> None:
    """Within what their mantissa loses in a network whose logits reach 50."""
    narrow = load_engine(str(checkpoint), backend="mlx", precision=precision)
    options = DecodeOptions(forced_tokens=1)

    score = narrow.transcribe(SAMPLES, options).avg_log_probability
    expected = exact.transcribe(SAMPLES, options).avg_log_probability

    assert score != expected
    assert score == pytest.approx(expected, abs=50 * 2.0**-bits)


def test_any_thread_may_decode(exact: WhisperEngine) -> None:
    """MLX has streams of its own for each thread."""
    expected = exact.transcribe(SAMPLES)

    with ThreadPoolExecutor(2) as threads:
        hypotheses = list(threads.map(exact.transcribe, [SAMPLES] * 4))

    assert hypotheses == [expected] * 4


def test_a_device_that_it_lacks_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ConfigurationError, match="'abacus'"):
        load_engine(str(checkpoint), backend="mlx", device="abacus")


def test_a_precision_that_it_lacks_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ConfigurationError, match="'int8'"):
        load_engine(str(checkpoint), backend="mlx", precision="int8")

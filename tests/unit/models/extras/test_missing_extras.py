"""What a user is told when the packages of an extra are not installed.

Each case is a process of its own, since packages that were imported before hide that they are
missing.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from whisper.model import Whisper

from tests.support.models.checkpoint_forms import write_ctranslate2, write_hugging_face
from tests.support.models.random_whisper import save_checkpoint

LOAD = """
import sys
missing, weights, backend, cache = sys.argv[1:]
sys.modules.update(dict.fromkeys(missing.split(",")))
from pathlib import Path
from models.asr.engine import load_engine
from schemas.errors import MissingExtraError
try:
    load_engine(weights, backend=backend, cache=Path(cache))
except MissingExtraError as error:
    print(error)
"""


TORCH = (
    "pip install 'callstream[torch]' (5 GB on Linux; without a GPU see docs/training.md, CPU build)"
)


def message(missing: str, backend: str, weights: str, cache: Path) -> str:
    """Return what `load_engine` says in a process that cannot import some packages."""
    command = [sys.executable, "-c", LOAD, missing, weights, backend, str(cache)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("missing", "backend", "expected"),
    [
        ("torch", "torch", f"needs torch: {TORCH}"),
        ("ctranslate2", "ctranslate2", "needs ctranslate2: pip install 'callstream[ctranslate2]'"),
        ("mlx", "mlx", "needs mlx: pip install 'callstream[mlx]'"),
    ],
)
def test_a_backend_says_what_to_install(
    missing: str, backend: str, expected: str, tmp_path: Path
) -> None:
    assert message(missing, backend, "bundled", tmp_path).endswith(expected)


def test_weights_that_have_to_be_exported_say_so_and_what_to_install(
    network: Whisper, tmp_path: Path
) -> None:
    weights = str(save_checkpoint(network, tmp_path / "mine.pt"))

    said = message("torch,whisper", "onnx", weights, tmp_path / "cache")

    assert said.startswith(f"{weights!r} has to be exported once: ")
    assert said.endswith(f"needs torch: {TORCH}")
    assert not (tmp_path / "cache").exists()


def test_bundled_weights_need_no_extra(tmp_path: Path) -> None:
    assert message("torch,whisper,mlx,ctranslate2", "onnx", "bundled", tmp_path) == ""


@pytest.mark.parametrize("write", [write_ctranslate2, write_hugging_face])
def test_folders_of_other_projects_need_no_extra(
    network: Whisper, tmp_path: Path, write: Callable[[Path, Whisper], Path]
) -> None:
    folder = write(tmp_path / "folder", network)

    missing = "torch,whisper,tiktoken,transformers,mlx,ctranslate2"
    assert message(missing, "onnx", str(folder), tmp_path / "cache") == ""
    assert list((tmp_path / "cache").glob("*.onnx"))


def test_a_folder_without_a_vocabulary_says_which_file_it_lacks(
    network: Whisper, tmp_path: Path
) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    (folder / "vocabulary.json").unlink()

    said = message("torch,whisper", "onnx", str(folder), tmp_path / "cache")

    assert "no vocabulary (vocabulary.json, vocabulary.txt, tokenizer.json, vocab.json)" in said
    assert said.endswith(TORCH)


LIVE_PATH = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
from stream_app.agents.registry import AGENTS, define_agent
import stream_app.api.server, stream_app.demo.local_system
from stream_app.settings import Settings
for agent in AGENTS:
    define_agent(agent, Settings())
    print(agent)
"""


def test_no_agent_needs_an_extra_to_start() -> None:
    """One whose model needs it starts, says what is missing, and calls go on."""
    missing = "torch,transformers,peft,llguidance,xllamacpp,mlx,mlx_lm,ctranslate2,av"
    command = [sys.executable, "-c", LIVE_PATH, missing]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert {"transcribe", "classify", "analyze", "analyze_live"} <= set(said)

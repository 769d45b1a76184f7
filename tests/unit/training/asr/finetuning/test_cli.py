"""``callstream train asr`` with a fine-tuning recipe: what is printed, and how errors look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.weights import find_weights
from tests.support.models.checkpoint_forms import write_ctranslate2
from tests.support.models.micro import MICRO
from tests.support.models.random_whisper import random_whisper
from tests.support.speech_training.tone_speech import RECIPES
from tests.support.speech_training.whisper_fixtures import (
    random_tensors,
    tiny_dims,
    write_clips,
    write_folder,
    write_openai,
)
from training.asr.finetuning.recipe import FineTuneRecipe
from training.asr.recipe import read_speech_recipe
from training.asr.scratch.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

_RECIPE = """
name = "mine"
seed = 1
device = "cpu"
report_steps = 1
[base]
model = "{base}"
[data]
train = ["train.jsonl"]
[optimisation]
steps = 2
decay_from = 1
learning_rate = 1e-3
batch_clips = 2
"""


def _arguments(folder: Path) -> list[str]:
    write_clips(folder)
    base = write_openai(folder / "base.pt")
    (folder / "mine.toml").write_text(_RECIPE.format(base=base))
    return ["asr", str(folder / "mine.toml"), "--data", str(folder), "--work", str(folder / "runs")]


def test_one_command_tunes_and_says_where(run_train: Callable[..., Result], tmp_path: Path) -> None:
    """By default the weights lie in the run's own folder, with curve and metrics."""
    result = run_train(*_arguments(tmp_path))

    assert result.exit_code == 0, result.output
    run = tmp_path / "runs" / "mine"
    assert f"{run / 'mine.pt'}  step 2  not validated" in result.output
    assert {path.name for path in run.iterdir()} == {
        "mine.pt", "mine.json", "checkpoint.pt", "metrics.jsonl", "curve.png",
    }  # fmt: skip

    measured = ["--resume", "--set", 'data.validation=["train.jsonl"]']
    result = run_train(*_arguments(tmp_path), *measured)
    assert result.exit_code == 2
    assert "another 'data'" in result.output


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("optimisation.stepz=3", "stepz"),
        ("optimisation.steps=0", "optimisation.steps must be 1 or more"),
        ("method='adapters'", "method"),
        ("lora.rank=4", "method is not 'lora'"),
        ("validation.patience=1", "data.validation"),
        ("output.adapter='separate'", "output.format 'huggingface'"),
        ("data.max_seconds=31", "data.max_seconds"),
        ("freeze=['encoder.blocks']", "encoder.blocks"),
        ("device='cuda'", "'cuda'"),
        ("data.language='de'", "'de'"),
    ],
)
def test_a_bad_recipe_is_one_clear_line(
    run_train: Callable[..., Result], tmp_path: Path, change: str, named: str
) -> None:
    """Exit 2, the setting's name, no traceback."""
    if change == "device='cuda'" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")

    result = run_train(*_arguments(tmp_path), "--set", change)

    errors = [line for line in result.output.splitlines() if line.startswith("callstream: ")]
    assert result.exit_code == 2
    assert len(errors) == 1
    assert named in errors[0]
    assert "Traceback" not in result.output


def test_weights_of_a_cut_context_do_not_become_a_folder(
    run_train: Callable[..., Result], tmp_path: Path
) -> None:
    """Which could not say so."""
    result = run_train("asr-convert", MICRO, tmp_path / "folder", "--format", "huggingface")

    assert result.exit_code == 2
    assert "trained with a cut context" in result.output
    assert not (tmp_path / "folder").exists()


def test_a_missing_manifest_is_a_failure(run_train: Callable[..., Result], tmp_path: Path) -> None:
    """Exit 1: the recipe is right, the data are not there."""
    arguments = _arguments(tmp_path)
    (tmp_path / "train.jsonl").unlink()

    result = run_train(*arguments)

    assert result.exit_code == 1
    assert "train.jsonl cannot be read" in result.output


def test_the_presets_are_valid() -> None:
    """A table [base] makes a recipe one of fine-tuning."""
    full = read_speech_recipe(RECIPES / "finetune_full.toml")
    lora = read_speech_recipe(RECIPES / "finetune_lora.toml")

    assert isinstance(full, FineTuneRecipe)
    assert isinstance(lora, FineTuneRecipe)
    assert (full.method, lora.method, lora.lora.rank) == ("full", "lora", 16)
    assert isinstance(read_speech_recipe(RECIPES / "tiny.toml"), Recipe)


def test_a_ctranslate2_folder_becomes_one_of_hugging_face(
    run_train: Callable[..., Result], tmp_path: Path
) -> None:
    """Its weights and heads; the settings of CTranslate2 mean nothing there."""
    source = write_ctranslate2(tmp_path / "folder", random_whisper(), "float32")
    settings = {"alignment_heads": [[1, 0]], "suppress_ids": [1], "lang_ids": [2]}
    (source / "config.json").write_text(json.dumps(settings))

    result = run_train("asr-convert", source, tmp_path / "one", "--format", "huggingface")

    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "one" / "config.json").read_text())
    assert not written.keys() & settings.keys()
    one, other = (read_checkpoint(find_weights(str(f))) for f in (source, tmp_path / "one"))
    assert one.alignment_heads == other.alignment_heads == ((1, 0),)
    assert all((one.tensors[name] == other.tensors[name]).all() for name in one.tensors)
    assert one.tokens == other.tokens


def test_weights_are_converted_both_ways(run_train: Callable[..., Result], tmp_path: Path) -> None:
    """Without a change of a single parameter."""
    source = write_folder(tmp_path / "folder")

    openai = run_train("asr-convert", source, tmp_path / "one", "--format", "openai")
    back = run_train(
        "asr-convert", tmp_path / "one.pt", tmp_path / "two", "--format", "huggingface"
    )

    assert (openai.exit_code, back.exit_code) == (0, 0)
    written = torch.load(tmp_path / "one.pt", weights_only=True)
    expected = random_tensors(tiny_dims(51_865))
    assert all(torch.equal(written["model_state_dict"][name], expected[name]) for name in expected)
    assert (tmp_path / "two" / "tokenizer.json").is_file()
    missing = run_train("asr-convert", "none", tmp_path / "x", "--format", "openai")
    assert missing.exit_code == 1
    assert "callstream: " in missing.output

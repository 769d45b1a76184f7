"""Adapters of low rank: what moves, what merging gives, what PEFT reads back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import torch
from peft import PeftModel
from transformers import WhisperForConditionalGeneration

from tests.support.speech_training.whisper_fixtures import (
    random_tensors,
    tensors_of,
    tiny_dims,
    tiny_tuning,
    write_clips,
    write_folder,
    write_openai,
)
from training.asr.finetuning.base import load_base
from training.asr.finetuning.recipe import LowRank, Output
from training.asr.finetuning.run import fine_tune
from training.core.checkpoints import CHECKPOINT_NAME, read_checkpoint
from training.core.errors import RecipeError
from training.core.run_metrics import read_metrics

if TYPE_CHECKING:
    from pathlib import Path

    from training.asr.finetuning.recipe import FineTuneRecipe

_TARGETS = ["q_proj", "v_proj", "fc1"]


def _low_rank(base: Path, **output: str) -> FineTuneRecipe:
    recipe = tiny_tuning(base, method="lora", lora={"rank": 4, "alpha": 8, "targets": _TARGETS})
    optimisation = msgspec.structs.replace(recipe.optimisation, learning_rate=2e-2)
    written = msgspec.convert({"precision": "fp32", **output}, Output)
    return msgspec.structs.replace(recipe, optimisation=optimisation, output=written)


def _tune(recipe: FineTuneRecipe, folder: Path, name: str, *, resume: bool = False) -> Path:
    work = folder / name
    return fine_tune(recipe, folder, work, work / "out", resume=resume).weights


def test_only_the_targets_change_and_the_loss_falls(tmp_path: Path) -> None:
    """Merged, every other parameter is the base's bit for bit."""
    write_clips(tmp_path)
    recipe = _low_rank(write_openai(tmp_path / "base.pt"))

    tuned = load_base(str(_tune(recipe, tmp_path, "run"))).tensors

    ours = (".query.weight", ".value.weight", ".mlp.0.weight")
    for name, tensor in random_tensors(tiny_dims()).items():
        assert torch.equal(tuned[name], tensor) != name.endswith(ours), name
    rows = read_metrics(tmp_path / "run")
    assert rows[-1]["token"] < rows[0]["token"] - 0.5
    parameters = read_checkpoint(tmp_path / "run" / CHECKPOINT_NAME)["parameters"]
    assert all(".lora_" in name for name in parameters)
    # two attentions of a decoder layer, one of an encoder layer, and a feed-forward each
    assert len(parameters) == 2 * (2 * (2 + 1) + 2 * (4 + 1))


def test_the_adapter_folder_computes_what_the_merged_weights_do(tmp_path: Path) -> None:
    """PEFT puts the folder on the base, and the logits are the merged network's."""
    write_clips(tmp_path)
    base = write_folder(tmp_path / "base")
    merged = _tune(_low_rank(base, format="huggingface"), tmp_path, "merged")
    separate = _tune(
        _low_rank(base, format="huggingface", adapter="separate"), tmp_path, "separate"
    )

    stock: Any = WhisperForConditionalGeneration.from_pretrained(base)
    torch.manual_seed(2)
    inputs = {
        "input_features": torch.randn(2, 80, 150),
        "decoder_input_ids": torch.randint(50_000, (2, 6)),
    }
    with torch.inference_mode():
        plain = stock(**inputs).logits
        adapted = PeftModel.from_pretrained(stock, str(separate)).eval()(**inputs).logits
        whole: Any = WhisperForConditionalGeneration.from_pretrained(merged)
        expected = whole(**inputs).logits

    assert torch.allclose(adapted, expected, atol=1e-4)
    assert float((plain - expected).abs().max()) > 0.1
    assert (separate / "adapter_model.safetensors").is_file()
    assert not (separate / "model.safetensors").exists()
    assert tensors_of(merged).keys() == random_tensors(tiny_dims()).keys()


def test_a_resumed_run_ends_with_the_same_adapters(tmp_path: Path) -> None:
    """The adapters' dropout is drawn from the step's number."""
    write_clips(tmp_path)
    recipe = _low_rank(write_openai(tmp_path / "base.pt"))
    lossy = msgspec.structs.replace(recipe.lora, dropout=0.3)
    recipe = msgspec.structs.replace(recipe, lora=lossy)
    half = msgspec.structs.replace(recipe.optimisation, steps=3, decay_from=6)

    straight = load_base(str(_tune(recipe, tmp_path, "straight"))).tensors
    _tune(msgspec.structs.replace(recipe, optimisation=half), tmp_path, "broken")
    resumed = load_base(str(_tune(recipe, tmp_path, "broken", resume=True))).tensors

    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_target_that_is_no_layer_is_named(tmp_path: Path) -> None:
    """With those that are."""
    write_clips(tmp_path)
    recipe = _low_rank(write_openai(tmp_path / "base.pt"))
    wrong = msgspec.structs.replace(recipe, lora=LowRank(targets=("query",)))

    with pytest.raises(RecipeError, match=r"'query', only fc1, fc2, k_proj"):
        _tune(wrong, tmp_path, "run")

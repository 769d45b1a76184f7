"""Fine-tuning of tiny random Whispers, from checkpoint to checkpoint, in both formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import soundfile
import soxr
import torch
import whisper
from transformers import WhisperForConditionalGeneration, WhisperTokenizer

from models.asr.checkpoints.weights import find_weights
from schemas.errors import ModelIntegrityError, ModelNotFoundError
from tests.support.speech_training.whisper_fixtures import (
    POSITIONS,
    TEXTS,
    random_tensors,
    tensors_of,
    tiny_dims,
    tiny_tuning,
    write_clips,
    write_folder,
    write_openai,
)
from training.asr.bundle.files import BundleSettings, write_bundle
from training.asr.finetuning.base import load_base
from training.asr.finetuning.run import fine_tune
from training.asr.scratch.vocabulary import build_vocabulary
from training.core.checkpoints import BEST_NAME, CHECKPOINT_NAME, METRICS_NAME, read_checkpoint
from training.core.curves import CURVE_NAME
from training.core.errors import MissingDataError, RecipeError
from training.core.run_metrics import read_metrics

if TYPE_CHECKING:
    from pathlib import Path

    from training.asr.finetuning.recipe import FineTuneRecipe

_LEARNT = {
    "steps": 32, "decay_from": 24, "warmup_steps": 4, "learning_rate": 3e-3, "batch_clips": 4,
}  # fmt: skip
_VALIDATED = {"train": ["train.jsonl"], "validation": ["train.jsonl"]}


def _tune(recipe: FineTuneRecipe, folder: Path, name: str = "run", *, resume: bool = False) -> Path:
    work = folder / name
    return fine_tune(recipe, folder, work, work / "out", resume=resume).weights


def _steps(recipe: FineTuneRecipe, **changes: Any) -> FineTuneRecipe:
    optimisation = msgspec.structs.replace(recipe.optimisation, **changes)
    return msgspec.structs.replace(recipe, optimisation=optimisation)


def _spectrogram(path: Path) -> torch.Tensor:
    samples, rate_hz = soundfile.read(path, dtype="float32")
    wide = np.asarray(soxr.resample(samples, rate_hz, 16_000, "HQ"), np.float32)
    padded = whisper.pad_or_trim(wide, POSITIONS * 320)
    mel: torch.Tensor = whisper.log_mel_spectrogram(padded, 80)
    return mel


def test_openai_whisper_writes_what_it_was_taught(tmp_path: Path) -> None:
    """The four clips are learnt by heart, and ``whisper.decode`` says so too."""
    write_clips(tmp_path)
    base = write_openai(tmp_path / "base.pt")
    recipe = tiny_tuning(base, data=_VALIDATED, optimisation=_LEARNT, validation={"every_steps": 8})

    outcome = fine_tune(recipe, tmp_path, tmp_path / "run", tmp_path / "out", resume=False)

    assert outcome.word_error_rate == 0.0
    assert outcome.weights == tmp_path / "out" / "tuned.pt"
    model = whisper.load_model(str(outcome.weights), device="cpu")
    options = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=False)
    heard = [
        whisper.decode(model, _spectrogram(tmp_path / f"{n}.wav"), options).text for n in range(4)
    ]
    assert heard == list(TEXTS)
    rows = read_metrics(tmp_path / "run")
    rates = [row["validation_wer"] for row in rows if "validation_wer" in row]
    assert rates[0] > 0.9, "the base knows nothing"
    assert rates[-1] == 0.0
    assert (tmp_path / "run" / CURVE_NAME).read_bytes().startswith(b"\x89PNG")


def test_a_run_goes_on_from_graphs_as_callstream_ships_them(tmp_path: Path) -> None:
    """Learnt by heart, shipped as int8 graphs, and still known where a second run begins."""
    write_clips(tmp_path)
    base = write_openai(tmp_path / "base.pt")
    changes = {"data": _VALIDATED, "optimisation": _LEARNT, "validation": {"every_steps": 8}}
    learnt = _tune(tiny_tuning(base, **changes), tmp_path)
    settings = BundleSettings("shipped", tokens=0)
    bundle = write_bundle(str(learnt), tmp_path, tmp_path / "shipped", settings)

    again = tiny_tuning(bundle.manifest, **changes)
    further = fine_tune(again, tmp_path, tmp_path / "again", tmp_path / "more", resume=False)

    first = next(row for row in read_metrics(tmp_path / "again") if "validation_wer" in row)
    assert first["validation_wer"] == 0.0, "the start knows every clip"
    assert further.word_error_rate == 0.0
    assert find_weights(str(further.weights)).manifest.format == "openai-whisper"


def test_transformers_loads_and_generates_what_it_was_taught(tmp_path: Path) -> None:
    """The folder has weights, tokenizer, feature extractor and settings for ``generate``."""
    write_clips(tmp_path)
    base = write_folder(tmp_path / "base")
    recipe = tiny_tuning(
        base,
        optimisation={**_LEARNT, "steps": 60, "decay_from": 50},
        output={"format": "huggingface", "precision": "fp32"},
    )

    folder = _tune(recipe, tmp_path)

    network: Any = WhisperForConditionalGeneration.from_pretrained(folder)
    tokenizer = WhisperTokenizer.from_pretrained(folder)
    mel = torch.stack([_spectrogram(tmp_path / f"{n}.wav") for n in range(4)])
    written = network.generate(mel, language="en", task="transcribe")
    assert [text.strip() for text in tokenizer.batch_decode(written, skip_special_tokens=True)] == [
        *TEXTS
    ]
    assert (folder / "config.json").is_file()
    assert list(folder.glob("*processor*.json"))


def test_the_same_training_from_either_format_ends_the_same(tmp_path: Path) -> None:
    """The format of the base is a container, no more; so is that of the result."""
    write_clips(tmp_path)
    openai = tiny_tuning(write_openai(tmp_path / "base.pt", 51_865))
    folder = msgspec.structs.replace(
        tiny_tuning(write_folder(tmp_path / "base")),
        output=msgspec.structs.replace(openai.output, format="huggingface"),
    )

    one = load_base(str(_tune(openai, tmp_path, "one")))
    other = tensors_of(_tune(folder, tmp_path, "other"))

    before = random_tensors(tiny_dims(51_865))
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other[name]), name
    assert not torch.equal(other["decoder.ln.weight"], before["decoder.ln.weight"])


@pytest.mark.parametrize("method", ["adamw", "muon"])
def test_a_resumed_run_ends_with_the_same_parameters(tmp_path: Path, method: str) -> None:
    """Batches, masks, telephone line and dropout depend on the step alone."""
    write_clips(tmp_path)
    recipe = tiny_tuning(
        write_openai(tmp_path / "base.pt"),
        data={**_VALIDATED, "telephone_share": 0.7,
              "augmentation": {"noise_probability": 0.5, "filter_probability": 0.5}},
        spectrogram={"time_masks": 1, "frequency_masks": 1},
        validation={"every_steps": 2},
    )  # fmt: skip
    recipe = _steps(recipe, method=method, accumulate=2)

    _tune(recipe, tmp_path, "straight")
    _tune(_steps(recipe, steps=3, decay_from=6), tmp_path, "broken")
    lines = (tmp_path / "broken" / METRICS_NAME).read_text().splitlines()
    late = json.dumps({"step": 5, "token": 99.0})
    (tmp_path / "broken" / METRICS_NAME).write_text("\n".join([*lines, late]) + "\n")
    _tune(recipe, tmp_path, "broken", resume=True)

    for name in (CHECKPOINT_NAME, BEST_NAME):
        straight = read_checkpoint(tmp_path / "straight" / name)
        resumed = read_checkpoint(tmp_path / "broken" / name)
        assert straight["step"] == resumed["step"]
        for key, tensor in straight["parameters"].items():
            assert torch.equal(tensor, resumed["parameters"][key]), key
    rows = [row for row in read_metrics(tmp_path / "broken") if "token" in row]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(row["token"] < 99.0 for row in rows), "what the broken run left is gone"


def test_a_checkpoint_of_other_weights_or_data_is_refused(tmp_path: Path) -> None:
    """Going on with it would be another run under the same name."""
    write_clips(tmp_path)
    recipe = tiny_tuning(write_openai(tmp_path / "base.pt"))

    with pytest.raises(MissingDataError, match="without --resume"):
        _tune(recipe, tmp_path, resume=True)
    _tune(_steps(recipe, steps=1), tmp_path)
    with pytest.raises(RecipeError, match="'freeze'"):
        _tune(msgspec.structs.replace(recipe, freeze=("encoder",)), tmp_path, resume=True)


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    """Two of two clips and one of four move the parameters alike, whatever the texts' lengths."""
    write_clips(tmp_path)
    recipe = tiny_tuning(write_openai(tmp_path / "base.pt"))
    whole = _steps(recipe, steps=1, batch_clips=4)
    parts = _steps(recipe, steps=1, batch_clips=2, accumulate=2)

    one, other = (
        torch.load(_tune(r, tmp_path, name), weights_only=True)["model_state_dict"]
        for r, name in ((whole, "whole"), (parts, "parts"))
    )

    before = random_tensors(tiny_dims())
    name = "decoder.blocks.0.mlp.0.weight"
    moved = one[name] - before[name]
    assert float(moved.abs().max()) > 1e-4
    assert float((one[name] - other[name]).abs().max()) < 1e-2 * float(moved.abs().max())


def test_frozen_parts_stay_and_the_others_move(tmp_path: Path) -> None:
    """A part is named by the beginning of its name."""
    write_clips(tmp_path)
    recipe = tiny_tuning(
        write_openai(tmp_path / "base.pt"), freeze=["encoder", "decoder.embed_tokens"]
    )

    tuned = torch.load(_tune(recipe, tmp_path), weights_only=True)["model_state_dict"]

    for name, tensor in random_tensors(tiny_dims()).items():
        is_frozen = name.startswith(("encoder.", "decoder.token_embedding"))
        assert torch.equal(tuned[name], tensor) == is_frozen, name
    with pytest.raises(RecipeError, match=r"'encoder\.layer'"):
        _tune(msgspec.structs.replace(recipe, freeze=("encoder.layer",)), tmp_path, "other")


def test_a_run_without_progress_stops_and_keeps_the_best(tmp_path: Path) -> None:
    """A rate that wrecks the weights never beats the base, which is then the result."""
    write_clips(tmp_path)
    base = write_openai(tmp_path / "base.pt")
    recipe = tiny_tuning(
        base,
        data=_VALIDATED,
        optimisation={**_LEARNT, "learning_rate": 30.0},
        validation={"every_steps": 2, "patience": 2},
    )

    outcome = fine_tune(recipe, tmp_path, tmp_path / "run", tmp_path / "out", resume=False)

    rows = read_metrics(tmp_path / "run")
    measured = [(r["validation_wer"], r["validation_loss"], r["step"])
                for r in rows if "validation_wer" in r]  # fmt: skip
    assert outcome.step == min(measured)[2]
    assert rows[-1]["step"] == outcome.step + 4 < 32
    kept = torch.load(outcome.weights, weights_only=True)["model_state_dict"]
    best = read_checkpoint(tmp_path / "run" / BEST_NAME)["parameters"]
    assert torch.equal(kept["decoder.ln.weight"], best["model.decoder.layer_norm.weight"])


def test_a_cut_context_is_learnt_and_told_to_the_engine(tmp_path: Path) -> None:
    """Batches are as long as their longest clip, and the manifest says how to decode."""
    write_clips(tmp_path)
    base = write_openai(tmp_path / "base.pt")
    recipe = tiny_tuning(base)
    cut = msgspec.structs.replace(recipe.base, encoder_context="cut", pad_ms=100)

    weights = _tune(msgspec.structs.replace(recipe, base=cut), tmp_path)

    rows = read_metrics(tmp_path / "run")
    assert rows[0]["audio_seconds"] < 2 * POSITIONS * 0.02
    manifest = json.loads(weights.with_suffix(".json").read_text())
    assert (manifest["encoder_context"], manifest["pad_ms"]) == ("cut", 100)
    again = load_base(str(weights))
    assert again.manifest.encoder_context == "cut"
    folder = msgspec.structs.replace(recipe.output, format="huggingface")
    with pytest.raises(RecipeError, match="cut context"):
        _tune(msgspec.structs.replace(recipe, base=cut, output=folder), tmp_path)


def test_weights_with_a_part_of_the_vocabulary_stay_such_weights(tmp_path: Path) -> None:
    """They learn words in lower case; what is written has the whole vocabulary, most of it mute."""
    write_clips(tmp_path)
    words = "hello there thank you calling my order number is four hundred twenty seven"
    ids = build_vocabulary(dict.fromkeys(words.split(), 9), size=90).token_ids
    dims = tiny_dims()
    tensors = random_tensors(dims)
    tensors["decoder.token_embedding.weight"] = tensors["decoder.token_embedding.weight"][list(ids)]
    tensors["decoder.ln.weight"][-1], tensors["decoder.ln.bias"][-1] = 0.0, 1.0
    content = {"dims": dims, "model_state_dict": tensors, "token_ids": list(ids)}
    torch.save(content, tmp_path / "base.pt")
    recipe = tiny_tuning(
        tmp_path / "base.pt",
        data=_VALIDATED,
        optimisation={**_LEARNT, "steps": 90, "decay_from": 60},
        validation={"every_steps": 30},
    )

    outcome = fine_tune(recipe, tmp_path, tmp_path / "run", tmp_path / "out", resume=False)

    assert outcome.word_error_rate == 0.0
    model = whisper.load_model(str(outcome.weights), device="cpu")
    options = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=False)
    heard = whisper.decode(model, _spectrogram(tmp_path / "3.wav"), options).text
    assert heard == "my order number is four hundred twenty seven"
    again = load_base(str(outcome.weights))
    assert again.is_cut
    assert len(again.tokens.pieces) == len(ids)
    assert model.decoder.token_embedding.weight.shape[0] == 51_864


def test_half_precision_and_recomputed_layers_learn_too(tmp_path: Path) -> None:
    """bf16 autocast, gradient checkpointing: the loss falls; fp16 is for CUDA."""
    write_clips(tmp_path)
    recipe = tiny_tuning(write_openai(tmp_path / "base.pt"))
    lean = _steps(recipe, precision="bf16", gradient_checkpointing=True)

    _tune(lean, tmp_path)

    rows = read_metrics(tmp_path / "run")
    assert rows[-1]["token"] < rows[0]["token"] - 1.0
    with pytest.raises(RecipeError, match="CUDA"):
        _tune(_steps(recipe, precision="fp16"), tmp_path, "half")


def test_what_is_no_whisper_is_refused(tmp_path: Path) -> None:
    """By name, by content, by configuration."""
    (tmp_path / "damaged.pt").write_bytes(b"no checkpoint")
    folder = write_folder(tmp_path / "folder")
    config = json.loads((folder / "config.json").read_text())

    with pytest.raises(ModelNotFoundError, match="no-such"):
        load_base("no-such")
    with pytest.raises(ModelIntegrityError, match="damaged"):
        load_base(str(tmp_path / "damaged.pt"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    with pytest.raises(ModelIntegrityError, match="bert"):
        load_base(str(folder))


def test_a_run_of_few_steps_writes_its_weights_and_a_line(tmp_path: Path) -> None:
    """Fewer than those of a line of figures, and no validation."""
    write_clips(tmp_path)
    recipe = tiny_tuning(write_openai(tmp_path / "base.pt"), report_steps=25)

    weights = _tune(_steps(recipe, steps=3), tmp_path)

    assert weights.is_file()
    assert [row["step"] for row in read_metrics(tmp_path / "run")] == [3]
    assert (tmp_path / "run" / CURVE_NAME).is_file()


def test_a_run_ends_at_broken_audio_and_names_it(tmp_path: Path) -> None:
    """No step learns from samples that are no numbers."""
    write_clips(tmp_path)
    recipe = tiny_tuning(write_openai(tmp_path / "base.pt"))
    soundfile.write(tmp_path / "2.wav", np.full(8_000, np.nan), 8_000, subtype="FLOAT")

    with pytest.raises(MissingDataError, match=r"train\.jsonl:3: .*2\.wav has samples that are no"):
        _tune(recipe, tmp_path)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_gpu_learns_the_clips_too(tmp_path: Path, precision: str) -> None:
    """In every arithmetic; the results are within what the CPU reaches."""
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU")
    write_clips(tmp_path)
    recipe = tiny_tuning(
        write_openai(tmp_path / "base.pt"), data=_VALIDATED, optimisation=_LEARNT, device="cuda"
    )

    outcome = fine_tune(
        _steps(recipe, precision=precision), tmp_path, tmp_path / "r", tmp_path / "o", resume=False
    )

    assert outcome.word_error_rate == 0.0

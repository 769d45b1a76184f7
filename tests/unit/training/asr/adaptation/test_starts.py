"""What an adaptation begins with, and what it is blended with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
import torch

from tests.support.models.random_whisper import random_whisper, save_checkpoint
from tests.support.speech_training.tiny_adaptation import tiny_adaptation
from tests.support.speech_training.whisper_fixtures import random_tensors, tiny_dims
from training.asr.adaptation.recipe import Blend
from training.asr.adaptation.run import adapt, begin_with
from training.asr.adaptation.student import Student
from training.asr.finetuning.base import load_base
from training.asr.speech.folders import SpeechFolders
from training.core.checkpoints import CHECKPOINT_NAME, read_checkpoint
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result


def test_a_run_begins_with_graphs_as_callstream_ships_them(
    run_train: Callable[..., Result], tmp_path: Path, folders: SpeechFolders
) -> None:
    """The encoder is theirs, read back; all else, and the teacher, are those of the model."""
    recipe = tiny_adaptation(tmp_path)
    first = adapt(recipe, folders, tmp_path / "out", resume=False)
    run_train("asr-export", first.weights, "--out", tmp_path / "shipped", "--name", "shipped")
    student = Student(recipe, load_base(recipe.teachers.model))

    begin_with(student, str(tmp_path / "shipped" / "shipped.json"), folders)

    learnt, _ = load_base(str(first.weights)).network_state()
    official, _ = load_base(recipe.teachers.model).network_state()
    for name, tensor in student.parameters().items():
        near, far = (float((tensor - each[name]).norm()) for each in (learnt, official))
        assert near <= 0.02 * float(tensor.norm()), name
        assert near < far, name


@pytest.mark.parametrize("resume", [False, True])
def test_a_blend_has_what_was_learnt_the_start_and_the_teacher(
    tmp_path: Path, folders: SpeechFolders, *, resume: bool
) -> None:
    """Also where the run goes on from a checkpoint, which has neither start nor teacher."""
    first = adapt(tiny_adaptation(tmp_path), folders, tmp_path / "first", resume=False)
    recipe = tiny_adaptation(tmp_path, name="further", start=str(first.weights), seed=6)
    whole = adapt(recipe, folders, tmp_path / "whole", resume=False)

    changed = msgspec.structs.replace(recipe, blend=Blend(start=0.5, teacher=0.25))
    blended = adapt(changed, folders, tmp_path / "blended", resume=resume)

    start, learnt, found = (load_base(str(w.weights)).tensors for w in (first, whole, blended))
    teacher = load_base(recipe.teachers.model).tensors
    for name, tensor in found.items():
        expected = 0.5 * start[name] + 0.25 * teacher[name] + 0.25 * learnt[name]
        assert torch.allclose(tensor, expected, atol=2e-3 * float(expected.abs().max())), name


def test_a_start_that_lacks_what_learns_is_refused(tmp_path: Path, folders: SpeechFolders) -> None:
    """Adapters are in no weights; more mel bands are another network."""
    lora = tiny_adaptation(tmp_path, method="lora", lora={"rank": 2, "targets": ["q_proj"]})
    student = Student(lora, load_base(lora.teachers.model))
    with pytest.raises(RecipeError, match=r"has no .*lora"):
        begin_with(student, lora.teachers.model, folders)

    wide = tmp_path / "wide.pt"
    save_checkpoint(random_whisper(mel_bands=128), wide)
    recipe = tiny_adaptation(tmp_path)
    with pytest.raises(RecipeError, match="not those of this recipe's parts"):
        begin_with(Student(recipe, load_base(recipe.teachers.model)), str(wide), folders)


def test_a_blend_lies_between_the_teacher_and_what_was_learnt(
    tmp_path: Path, folders: SpeechFolders
) -> None:
    """Parameter by parameter."""
    name = "encoder.blocks.0.mlp.0.weight"
    before = random_tensors(tiny_dims())[name]
    learnt = load_base(
        str(adapt(tiny_adaptation(tmp_path), folders, tmp_path / "a", resume=False).weights)
    )

    half = adapt(
        tiny_adaptation(tmp_path, blend={"teacher": 0.5}), folders, tmp_path / "b", resume=False
    )

    blended = load_base(str(half.weights)).tensors[name]
    assert torch.allclose(blended, (before + learnt.tensors[name]) / 2, atol=1e-3)
    assert not torch.allclose(blended, learnt.tensors[name], atol=1e-4)


def test_a_run_goes_on_from_another_ones_checkpoint(tmp_path: Path, folders: SpeechFolders) -> None:
    """With more parts than that one had; the teacher stays who it is."""
    adapt(tiny_adaptation(tmp_path, name="first"), folders, tmp_path / "a", resume=False)
    learnt = read_checkpoint(folders.work / "first" / CHECKPOINT_NAME)["parameters"]
    optimisation = {"steps": 1, "decay_from": 1, "warmup_steps": 2, "learning_rate": 1e-9,
        "batch_seconds": 4.0, "precision": "fp32", "average": 0.5}  # fmt: skip
    recipe = tiny_adaptation(tmp_path, name="second", parts=["encoder", "decoder"],
        start=f"first/{CHECKPOINT_NAME}", optimisation=optimisation)  # fmt: skip

    adapt(recipe, folders, tmp_path / "b", resume=False)

    went_on = read_checkpoint(folders.work / "second" / CHECKPOINT_NAME)["parameters"]
    assert learnt.keys() < went_on.keys()
    for name, tensor in learnt.items():
        assert torch.allclose(went_on[name], tensor, atol=1e-6), name


def test_a_beginning_that_does_not_fit_says_so(tmp_path: Path, folders: SpeechFolders) -> None:
    """It is not there, or of a network of another shape."""
    with pytest.raises(MissingDataError, match="run the recipe that writes it first"):
        adapt(
            tiny_adaptation(tmp_path, start="first/checkpoint.pt"), folders, tmp_path, resume=False
        )
    adapt(tiny_adaptation(tmp_path, name="first"), folders, tmp_path / "a", resume=False)
    saved = read_checkpoint(path := folders.work / "first" / CHECKPOINT_NAME)
    saved["parameters"] = {name: tensor[..., :1] for name, tensor in saved["parameters"].items()}
    torch.save(saved, path)

    with pytest.raises(RecipeError, match="not those of this recipe's parts"):
        adapt(
            tiny_adaptation(tmp_path, start=f"first/{CHECKPOINT_NAME}"),
            folders,
            tmp_path,
            resume=False,
        )

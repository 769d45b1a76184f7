"""What is wrong with a recipe of the training from scratch is said before it begins."""

from __future__ import annotations

import pytest

from tests.support.speech_training.tone_speech import RECIPES
from training.asr.recipe import read_speech_recipe
from training.asr.scratch.recipe import read_recipe
from training.asr.scratch.vocabulary import build_vocabulary
from training.core.errors import RecipeError


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("name='../escaped'", "name: '../escaped' has to name files"),
        ("seed=-1", "seed must lie in"),
        ("checkpoint_steps=0", "checkpoint_steps must be 1 or more"),
        ("optimisation.steps=0", "optimisation.steps must be 1 or more"),
        ("optimisation.processes=0", "optimisation.processes must be 1 or more"),
        ("optimisation.batch_seconds=0.0", "optimisation.batch_seconds must be above 0"),
        ("optimisation.learning_rate=-1", "optimisation.learning_rate must be above 0"),
        ("optimisation.clip_norm=0", "optimisation.clip_norm must be above 0"),
        ("optimisation.warmup_steps=-2", "optimisation.warmup_steps must be 0 or more"),
        ("network.heads=7", "a multiple of network.heads"),
        ("network.mel_bands=81", "network.mel_bands must be one of"),
        ("network.decoder_layers=0", "network.decoder_layers must be 1 or more"),
        ("losses.guided_heads=[1,1]", "a number for each layer of the decoder"),
        ("losses.guided_heads=[3]", "between 0 and network.heads"),
        ("losses.ctc=-0.1", "losses.ctc must be 0 or more"),
        ("stages=[]", "stages: there must be one or more"),
        ("synthesis.workers=0", "synthesis.workers must be 1 or more"),
        ("synthesis.flite_share=1.5", r"synthesis.flite_share must lie in \[0, 1\]"),
        ("stages=[{until_step=9, real_share=0.8, pair_share=0.4}]", r"stages\[1\]: the shares"),
        ("stages=[{until_step=9, token_noise=2.0}]", r"stages\[1\].token_noise must lie"),
        ("stages=[{until_step=0}]", r"stages\[1\].until_step must be 1"),
        (
            "stages=[{until_step=9, augmentation={min_peak=0.0}}]",
            r"stages\[1\].augmentation.min_peak must lie in \(0, 1\]",
        ),
    ],
)
def test_a_wrong_setting_is_named(change: str, complaint: str) -> None:
    """By the command's reader and by that of `asr-synthesise`."""
    for read in (read_recipe, read_speech_recipe):
        with pytest.raises(RecipeError, match=complaint):
            read(RECIPES / "tiny.toml", [change])


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(RecipeError, match=r"seed must .*; checkpoint_steps must") as raised:
        read_recipe(RECIPES / "tiny.toml", ["seed=-1", "checkpoint_steps=0"])

    assert str(raised.value).count("is not valid") == 1


def test_a_vocabulary_without_room_for_the_letters_is_refused() -> None:
    with pytest.raises(RecipeError, match="53 tokens or more"):
        build_vocabulary({"hello": 3}, size=20)

"""What is wrong with a fine-tuning's recipe is said before it begins."""

from __future__ import annotations

import pytest

from tests.support.speech_training.tone_speech import RECIPES
from training.asr.recipe import read_speech_recipe
from training.asr.speech.augment import Augmentation, wrong_augmentation
from training.core.errors import RecipeError


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("name=''", "name: '' has to name files"),
        ("name='a/b'", "name: 'a/b' has to name files"),
        ("name='../escaped'", "has to name files"),
        ("seed=-1", "seed must lie in"),
        ("base.pad_ms=-5000", "base.pad_ms must be 0 or more"),
        ("optimisation.steps=0", "optimisation.steps must be 1 or more"),
        ("optimisation.learning_rate=-1", "optimisation.learning_rate must be above 0"),
        ("optimisation.weight_decay=-0.1", "optimisation.weight_decay must be 0 or more"),
        ("validation.clips=-5", "validation.clips must be 0 or more"),
        ("spectrogram.max_time_ms=-100", "spectrogram.max_time_ms must be 0 or more"),
        ("data.telephone_share=1.5", r"data.telephone_share must lie in \[0, 1\]"),
        ("data.augmentation.min_peak=0", r"data.augmentation.min_peak must lie in \(0, 1\]"),
        ("data.augmentation.min_snr_db=45", "data.augmentation.min_snr_db must be 40 or less"),
        ("lora.dropout=2.0", r"lora.dropout must lie in \[0, 1\)"),
        ("lora.targets=[]", "lora.targets names no layer"),
    ],
)
def test_a_wrong_setting_is_named(change: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        read_speech_recipe(RECIPES / "finetune_lora.toml", [change])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (Augmentation(music_probability=0.1, min_snr_db=35), "line.min_snr_db must be 30 or less"),
        (Augmentation(min_echo_db=41), "line.min_echo_db must be 40 or less"),
        (Augmentation(max_overload=0.5), "line.max_overload must be 1 or more"),
        (Augmentation(max_loss=1.5), "line.max_loss must lie in [0, 1]"),
        (Augmentation(codec_probability=-0.1), "line.codec_probability must lie in [0, 1]"),
        (Augmentation(min_peak=1.5), "line.min_peak must lie in (0, 1]"),
    ],
)
def test_a_line_that_cannot_be_is_named(settings: Augmentation, complaint: str) -> None:
    assert wrong_augmentation(settings, "line") == [complaint]
    assert wrong_augmentation(Augmentation(), "line") == []

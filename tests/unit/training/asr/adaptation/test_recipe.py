"""What is wrong with an adaptation's recipe is said before it begins."""

from __future__ import annotations

import pytest

from tests.support.speech_training.tone_speech import RECIPES
from training.asr.adaptation.recipe import read_adaptation_recipe
from training.core.errors import RecipeError


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("name='../escaped'", "has to name files"),
        ("seed=-1", "seed must lie in"),
        ("optimisation.steps=0", "optimisation.steps must be 1 or more"),
        ("optimisation.readers=0", "optimisation.readers must be 1 or more"),
        ("optimisation.average=1.0", r"optimisation.average must lie in \[0, 1\)"),
        ("teachers.tail_ms=-1", "teachers.tail_ms must be 0 or more"),
        ("validation.every_steps=0", "validation.every_steps must be 1 or more"),
        ("validation.clips=0", "validation.clips must be 1 or more"),
        ("hearing.clean_share=1.1", r"hearing.clean_share must lie in \[0, 1\]"),
        ("hearing.full_share=-0.1", "hearing.full_share must lie"),
        ("hearing.speed=1.0", r"hearing.speed must lie in \[0, 1\)"),
        ("hearing.non_speech_share=1.0", r"hearing.non_speech_share must lie in \[0, 1\)"),
        ("hearing.line.min_peak=0", "hearing.line.min_peak must lie"),
        ("losses.end_weight=0", "losses.end_weight must be above 0"),
        ("tokens=-1", "tokens must be 0 or more"),
        ("blend.teacher=-0.1", "blend: shares of 0 or more"),
        ("blend={teacher=0.6, start=0.4}", "must leave some for what was learnt"),
        ("method='lora'", "half of two adapters"),
        ("parts=[]", "parts names nothing that learns"),
        ("pieces.corpora=[{name='fsdd', weight=0}]", "'fsdd': weight must be 1 or more"),
        ("pieces.corpora=[{name='fsdd', cut=-1}]", "'fsdd': cut must be 0 or more"),
        ("pieces.corpora=[{name='fsdd', whole=false}]", "gives no pieces"),
    ],
)
def test_a_wrong_setting_is_named(change: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        read_adaptation_recipe(RECIPES / "adapt_tiny_en.toml", [change])


def test_a_blend_with_a_start_needs_one() -> None:
    with pytest.raises(RecipeError, match=r"blend\.start needs a start"):
        read_adaptation_recipe(RECIPES / "adapt_tiny_en_encoder.toml", ["blend.start=0.2"])

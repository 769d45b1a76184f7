"""A tiny base, and recipes for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.analytics.tiny_llm import make_hugging_face
from training.analytics.learning.recipe import AnalyticsRecipe, read_analytics_recipe

if TYPE_CHECKING:
    from collections.abc import Callable

_SMALL = Path("training/analytics/recipes/smollm2.toml")


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of three layers whose tokens are bytes."""
    return make_hugging_face(tmp_path_factory.mktemp("base"), max_position_embeddings=1024)


@pytest.fixture
def recipe_of(tiny_base: Path) -> Callable[..., AnalyticsRecipe]:
    """Return the small recipe for the tiny base, with changes."""

    def make(*changes: str) -> AnalyticsRecipe:
        own = (
            f"base.model={tiny_base}",
            "base.precision=fp32",
            "lora.layers=2",
            "lora.rank=8",
            "learning.accumulation=1",
            "learning.validation_steps=10",
            "learning.report_steps=1",
            "learning.states=memory",
            "learning.turn_weight=0",
            "learning.patience=0",
        )
        return read_analytics_recipe(_SMALL, [*own, *changes])

    return make

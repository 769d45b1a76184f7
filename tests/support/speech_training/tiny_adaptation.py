"""An adaptation of a tiny random Whisper, as a recipe."""

from pathlib import Path
from typing import Any

from tests.support.speech_training.whisper_fixtures import write_openai
from training.asr.adaptation.recipe import AdaptationRecipe
from training.core.recipes import convert_recipe

TEXTS = ("hello", "hello there", "yes", "good day to", "no")


def tiny_adaptation(tmp_path: Path, **changes: Any) -> AdaptationRecipe:
    """Return a recipe of a few steps; ``changes`` replace whole settings."""
    base = tmp_path / "base.pt"
    if not base.is_file():
        write_openai(base)
    content: dict[str, Any] = {
        "name": "adapted",
        "seed": 5,
        "teachers": {"model": str(base), "writer": str(base), "tail_ms": 200},
        "pieces": {
            "min_seconds": 0.1, "max_seconds": 1.0, "corpora": [{"name": "synthetic"}],
        },
        "hearing": {"max_tail_ms": 200, "long_tail_ms": 300, "full_share": 0.1},
        "optimisation": {
            "steps": 8, "decay_from": 6, "warmup_steps": 2, "learning_rate": 2e-3,
            "batch_seconds": 4.0, "precision": "fp32", "average": 0.5,
        },
        "validation": {"every_steps": 4, "tail_ms": 100},
        "report_steps": 1,
        "checkpoint_steps": 2,
        "device": "cpu",
    }  # fmt: skip
    return convert_recipe(content | changes, AdaptationRecipe, base)

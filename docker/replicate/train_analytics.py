"""A training of an analytics adapter on Replicate: corpus by address in, adapter out.

See docs/deploy_replicate.md.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path as FilePath

from cog import BaseModel, Input, Path

from training.analytics.learning.recipe import read_analytics_recipe
from training.analytics.learning.run import learn_adapter, read_corpus

RECIPES = FilePath(__file__).parents[2] / "training" / "analytics" / "recipes"


class TrainingOutput(BaseModel):
    """What a training gives: an archive of the adapter and of its report."""

    weights: Path


def train(
    train_data: Path = Input(description="train.jsonl of `callstream train analytics-prepare`"),
    val_data: Path = Input(description="validation.jsonl of the same"),
    recipe: str = Input(description="Recipe that ships, by name", default="mistral_7b"),
    num_train_epochs: int = Input(description="Epochs", default=3, ge=1),
    learning_rate: float = Input(description="At its highest", default=2e-5, gt=0),
) -> TrainingOutput:
    """Train the adapter of a recipe; return its archive."""
    settings = read_analytics_recipe(
        RECIPES / f"{recipe}.toml",
        [f"learning.epochs={num_train_epochs}", f"learning.learning_rate={learning_rate}"],
    )
    place = FilePath(tempfile.mkdtemp())
    corpus, work = place / "data", place / settings.name
    corpus.mkdir()
    shutil.copy(str(train_data), corpus / "train.jsonl")
    shutil.copy(str(val_data), corpus / "validation.jsonl")
    learn_adapter(settings, read_corpus(corpus), work)
    archive = place / "weights.tar"
    with tarfile.open(archive, "w") as files:
        files.add(work / "adapter", "adapter")
        for name in ("report.md", "report.json"):
            files.add(work / name, name)
    return TrainingOutput(weights=Path(archive))

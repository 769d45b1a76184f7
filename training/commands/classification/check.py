"""``callstream train classification-check``."""

from pathlib import Path
from typing import Annotated

import typer

from models.classification.label_set import load_label_set
from training.classification.corpus.leaks import refuse_leaks
from training.classification.corpus.rows import SPLITS, read_rows, rows_path
from training.classification.recipe import read_recipe
from training.commands.options import CLASSIFICATION_WORK, RecipeArgument


def check_classification(
    recipe: RecipeArgument,
    work: Annotated[
        Path, typer.Option("--work", help="Folder of the run, with the rows below data/.")
    ] = CLASSIFICATION_WORK,
) -> None:
    """Check prepared calls: no text and no group may be in two splits."""
    labels = load_label_set(read_recipe(recipe).data.label_set)
    rows = {split: read_rows(rows_path(work, split)) for split in SPLITS}
    refuse_leaks(rows, labels)
    counts = ", ".join(f"{split} {len(of_split):,}" for split, of_split in rows.items())
    typer.echo(f"no text and no group is in two splits: {counts}")

"""The files of all forms, under the documents' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.analytics.corpus.files import split_name, write_lines
from training.analytics.forms.rows import call_forms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from training.analytics.corpus.examples import Example
    from training.analytics.corpus.manifest import FileWritten
    from training.analytics.forms.rows import CallForms, FormWriter
    from training.core.splits import Split

MLX_NAMES: Mapping[Split, str] = {
    "train": "mlx/train.jsonl",
    "validation": "mlx/valid.jsonl",
    "test": "mlx/test.jsonl",
}


def write_split(
    data: Path, split: Split, examples: Sequence[Example], forms: Sequence[CallForms]
) -> dict[str, FileWritten]:
    """Write the calls of a split in all forms, and return what was written by file name."""
    rows: dict[str, Sequence[object]] = {
        split_name(split): examples,
        f"{split}_chatml.jsonl": [each.chatml for each in forms],
        f"{split}_temporal.jsonl": [each.temporal for each in forms],
        MLX_NAMES[split]: [each.mlx for each in forms],
    }
    return {name: write_lines(data / name, of_file) for name, of_file in rows.items()}


def forms_of(examples: Sequence[Example], writer: FormWriter) -> list[CallForms]:
    """Return calls in all forms."""
    return [call_forms(each, writer) for each in examples]

"""The card of a model: how it was trained, what it reaches, what it cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification.evaluation.report import report_lines
from training.measuring.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.classification.evaluation.results import Evaluation
    from training.classification.learning.history import LearningRecord

_LIMITS = """\
- It reads words alone, in the form that a recognizer without punctuation writes; recognition errors
  cost accuracy.
- Figures on generated calls say how well the generator is learnt, not how well real calls are
  answered; only rows written by people say something about those.
- A confidence is calibrated on the validation rows; other calls shift it.
- The licences of the training data and of the base apply."""


def write_card(path: Path, record: LearningRecord, evaluation: Evaluation, note: str = "") -> None:
    """Write the card of a model.

    Args:
        path: Of the card.
        record: Of the training.
        evaluation: Its figures.
        note: What an export says of itself.
    """
    path.write_text("\n".join(_lines(record, evaluation, note)) + "\n", "utf-8")


def _lines(record: LearningRecord, evaluation: Evaluation, note: str) -> Iterator[str]:
    yield f"# Classification: {record.recipe['name']}"
    yield ""
    yield f"What a call is about, by the label set `{record.label_set}`."
    yield ""
    yield from table(("", ""), _facts(record, note))
    yield ""
    yield "## Training"
    yield ""
    names = tuple(record.epochs[0].accuracy) if record.epochs else ()
    yield from table(
        ("epoch", "validation loss", *names),
        (
            (
                f"{one.epoch}{' (kept)' if one.step == record.best_step else ''}",
                f"{one.validation_loss:.4f}",
                *(f"{one.accuracy[name]:.2%}" for name in names),
            )
            for one in record.epochs
        ),
    )
    yield ""
    yield "Accuracies of one window a call; those below are of whole calls."
    yield ""
    yield "## Figures"
    yield ""
    yield from report_lines(evaluation)
    yield ""
    yield "## Limits"
    yield ""
    yield _LIMITS


def _facts(record: LearningRecord, note: str) -> Iterator[tuple[str, str]]:
    recipe, learning = record.recipe, record.recipe["learning"]
    base = recipe["base"]
    cuts = [
        f"{base[name]:,} {what}"
        for name, what in (
            ("layers", "layers"),
            ("vocabulary", "word pieces"),
            ("positions", "positions"),
        )
        if base[name]
    ]
    start = recipe["start"]
    yield "starts from", start or base["model"] + (f", cut to {', '.join(cuts)}" if cuts else "")
    yield "parameters", f"{record.parameters:,}"
    head = recipe["head"]
    yield "head", f"a layer with ReLU, dropout {head['dropout']:g}, a linear layer a task"
    yield "text vector", "first token" if head["pooling"] == "first" else "mean over the tokens"
    yield "rows", ", ".join(f"{split} {count:,}" for split, count in record.rows.items())
    yield (
        "recipe",
        (
            f"seed {recipe['seed']}, at most {learning['epochs']} epochs of one random window of "
            f"{learning['max_tokens']} tokens a row, batch {learning['batch']}, learning rate "
            f"{learning['learning_rate']:g}, weight decay {learning['weight_decay']:g}"
        ),
    )
    if learning["source_shares"]:
        shares = ", ".join(f"{name} {share:g}" for name, share in learning["source_shares"].items())
        yield "rows of an epoch", f"of {shares}; all of other sources"
    yield "time", f"{record.seconds / 60:.0f} minutes with {recipe['threads']} thread(s)"
    yield "versions", ", ".join(f"{name} {which}" for name, which in record.versions.items())
    if note:
        yield "form", note

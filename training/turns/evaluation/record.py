"""The record of a trained model: ``training.json`` in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from training.core.json_files import read_json, write_json
from training.turns.corpus.audit import Audit
from training.turns.corpus.examples import Split
from training.turns.corpus.prepare import SplitReport
from training.turns.evaluation.measures import SetResult
from training.turns.learning.learner import LearningHistory
from training.turns.learning.recipe import BaseRecipe, Learning, ModelRecipe

if TYPE_CHECKING:
    from pathlib import Path

RECORD_NAME = "training.json"


class TrainingRecord(msgspec.Struct, frozen=True):
    """The training of a model and its results.

    Attributes:
        model: Name of its folder.
        experiment: Name of the recipe.
        fingerprint: Of everything that decides the weights.
        set: Its training set.
        learnt_sets: Its training set, and those of the models that it started from.
        text_form: ``spoken`` or ``written``.
        languages: Of its texts.
        max_tokens: Of a text, special tokens included.
        padding: ``full`` pads every text to ``max_tokens``; ``bucket`` to any length.
        encoder_of: Model whose encoder this one has, bit for bit; its own name otherwise.
        threads: Of torch.
        parameters: Of the whole network.
        examples: For training.
        data: Of its set.
        audit: Of leaks in its set.
        versions: Of the libraries that decide the figures.
        temperature: That the logits were divided by after training.
        measured: On the test sets.
        before: Likewise of the weights that it started from, where those knew the task.
    """

    model: str
    experiment: str
    fingerprint: str
    set: str
    learnt_sets: tuple[str, ...]
    text_form: Literal["spoken", "written"]
    languages: tuple[str, ...]
    max_tokens: int
    padding: Literal["full", "bucket"]
    encoder_of: str
    seed: int
    threads: int
    parameters: int
    examples: int
    base: BaseRecipe
    recipe: ModelRecipe
    settings: Learning
    outcome: LearningHistory
    data: dict[Split, SplitReport]
    audit: Audit | None
    versions: dict[str, str]
    temperature: float = 1.0
    measured: tuple[SetResult, ...] = ()
    before: tuple[SetResult, ...] = ()

    def on(self, set_name: str) -> SetResult | None:
        """Return the result on a test set."""
        return next((one for one in self.measured if one.set == set_name), None)

    def before_on(self, set_name: str) -> SetResult | None:
        """Return the result of the start on a test set."""
        return next((one for one in self.before if one.set == set_name), None)


def write_record(folder: Path, record: TrainingRecord) -> None:
    """Write the record into a model's folder in one go."""
    write_json(folder / RECORD_NAME, record)


def read_record(folder: Path) -> TrainingRecord:
    """Return the record of a model's folder.

    Raises:
        MissingDataError: It is missing, or of another version.
    """
    return read_json(
        folder / RECORD_NAME,
        TrainingRecord,
        what="a record of a trained model",
        written_by="callstream train turns",
    )

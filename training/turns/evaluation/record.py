"""What is written beside a trained model, in ``training.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from training.errors import MissingDataError
from training.json_files import write_json
from training.turns.corpus.audit import Audit
from training.turns.corpus.examples import Split
from training.turns.corpus.prepare import SplitReport
from training.turns.evaluation.measures import Measured
from training.turns.learning import Outcome
from training.turns.recipe import BaseRecipe, Learning, ModelRecipe

if TYPE_CHECKING:
    from pathlib import Path

RECORD_NAME = "training.json"


class TrainingRecord(msgspec.Struct, frozen=True):
    """Where a model comes from, and what it is worth.

    Attributes:
        model: Name of its folder.
        experiment: Name of the recipe.
        fingerprint: Of everything that decides the weights.
        set: That it learnt from.
        learnt_sets: That one, and those of the models that it started from.
        text_form: ``spoken`` or ``written``.
        languages: That it knows.
        max_tokens: Of a text, special tokens included.
        padding: ``full`` pads every text to ``max_tokens``; ``bucket`` to any length.
        encoder_of: Model whose encoder this one has, bit for bit; its own name otherwise.
        threads: Of torch.
        parameters: Of the whole network.
        examples: That it learnt from.
        data: Of its set.
        audit: Of leaks in its set.
        versions: Of the libraries that decide the figures.
        temperature: That the logits were divided by after training.
        measured: On the test sets.
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
    outcome: Outcome
    data: dict[Split, SplitReport]
    audit: Audit | None
    versions: dict[str, str]
    temperature: float = 1.0
    measured: tuple[Measured, ...] = ()

    def on(self, set_name: str) -> Measured | None:
        """Return what was measured on a test set."""
        return next((one for one in self.measured if one.set == set_name), None)


def write_record(folder: Path, record: TrainingRecord) -> None:
    """Put the record into a model's folder in one go."""
    write_json(folder / RECORD_NAME, record)


def read_record(folder: Path) -> TrainingRecord:
    """Return the record of a model's folder.

    Raises:
        MissingDataError: There is none, or one of another version.
    """
    path = folder / RECORD_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=TrainingRecord)
    except OSError as error:
        message = f"{path} is not there: `callstream train turns` writes it"
        raise MissingDataError(message) from error
    except msgspec.DecodeError as error:
        message = f"{path} is no record of a trained model: {error}"
        raise MissingDataError(message) from error

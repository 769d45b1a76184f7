"""The tables ``[data.sources]`` of a recipe: sets of labelled calls and how they are read."""

from __future__ import annotations

from typing import Literal

import msgspec

from training.classification.corpus.rows import Split
from training.classification.narratives.calls import Form

SourceKind = Literal[
    "banking77",
    "clinc150",
    "sgd",
    "multidogo",
    "calls",
    "written",
    "written_calls",
    "harper_valley",
    "helpline_calls",
    "narratives",
]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source.

    Attributes:
        kind: How it is read; see `training.classification.sources.readers`.
        path: File or folder, relative to the data folder; of written questions and calls a file
            or folder beside the readers, or a path. A source that is generated has none.
        parts: The files that are read, where a data set comes in parts such as train and dev.
        intents: File that maps the intents of the data set to labels: one beside the readers,
            or a path.
        whole_calls: A call with several subjects is one row; else each subject is a row of its
            own, of the turns about it.
        split: Of all its rows; empty divides them by the shares.
        test_share: Of its groups; -1 takes that of the recipe.
        validation_share: Of its groups; -1 takes that of the recipe.
        limit: Training rows at most, spread evenly over the labels; 0 takes all.
        is_synthetic: No human wrote the calls of a file.
        rows: That a generator makes for the train split; a tenth as many for each other, 4,000
            at most.
        forms: Weights of the forms of generated training calls, such as ``note = 100``: a note
            says as much of the subject as a dialogue of four times its length, a ``situation``
            alone as one of seven times. None takes those of validation and test.
    """

    kind: SourceKind
    path: str = ""
    parts: tuple[str, ...] = ("train",)
    intents: str = ""
    whole_calls: bool = False
    split: Split | Literal[""] = ""
    test_share: float = -1.0
    validation_share: float = -1.0
    limit: int = 0
    is_synthetic: bool = False
    rows: int = 0
    forms: dict[Form, int] = {}

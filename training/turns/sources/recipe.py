"""The tables ``[data.sources]`` of a recipe: data sets and how they are read."""

from __future__ import annotations

from typing import Literal

import msgspec

from training.turns.sources.conversations import Role

SourceKind = Literal[
    "sgd",
    "taskmaster4",
    "evi",
    "multidogo",
    "helpline_calls",
    "earnings21",
    "earnings22_aligned",
    "table",
]

ALL_FILES = "**/*"


class Columns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a table of a hub keeps its turns; a name may be a path: ``utterances.-1.history``.

    Attributes:
        turns: Each a text, a list of texts, or a list of objects; they follow one another.
        text: The text in such an object.
        speaker: The speaker in such an object, or of the whole row.
        conversation: What rows of one conversation share; a row without it is one by itself.
        label: Whether the text is complete; a text that has one is never cut.
        complete_labels: The labels of a complete text.
    """

    turns: tuple[str, ...] = ("text",)
    text: str = "text"
    speaker: str = ""
    conversation: str = ""
    label: str = ""
    complete_labels: tuple[str, ...] = ("1", "True", "true", "complete")


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One data set.

    Attributes:
        kind: How it is read.
        path: Relative to the data folder; a ``table`` may also be a data set's name on a hub.
        files: The files of a table, as a pattern.
        columns: Of a table.
        roles: Who speaks, by the table's name for the speaker.
        is_punctuated: Of a table: a sentence without its mark at the end was interrupted.
        mixes_speakers: Of a table: a text does not say where the speaker changes.
        rows: Rows of a table at most; 0 takes all.
    """

    kind: SourceKind
    path: str = ""
    files: str = ALL_FILES
    columns: Columns = Columns()
    roles: dict[str, Role] = {}
    is_punctuated: bool = False
    mixes_speakers: bool = False
    rows: int = 0

"""The tables ``[data.sources]`` of a recipe: a struct for each kind of source."""

from __future__ import annotations

from typing import Literal

import msgspec

from training.core.splits import Split


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """One source; ``kind`` says which."""


class Composed(_Table, frozen=True, forbid_unknown_fields=True, tag="composed"):
    """Calls that are generated; their phrasings say to which split they belong.

    Attributes:
        train: How many calls.
        validation: Likewise.
        test: Likewise.
        noise_share: Of the calls, as a recognizer writes them.
        dialogues: Folder of Schema-Guided Dialogue, relative to the data folder; without it, all
            calls are composed of phrasings.
    """

    train: int = 3_600
    validation: int = 400
    test: int = 400
    noise_share: float = 0.3
    dialogues: str = ""


class Analysed(_Table, frozen=True, forbid_unknown_fields=True, tag="analysed"):
    """Own calls: a folder of transcripts and one of analyses, joined by the names of the files.

    Attributes:
        transcripts: Folder, relative to the data folder.
        analyses: Likewise.
        split: Of all its calls; empty divides them by the shares.
        is_synthetic: No person said these words.
    """

    transcripts: str
    analyses: str
    split: Split | Literal[""] = ""
    is_synthetic: bool = False


class ChatML(_Table, frozen=True, forbid_unknown_fields=True, tag="chatml"):
    """A file of chat messages whose last one is the answer, such as ``train_chatml.jsonl``.

    Attributes:
        path: Relative to the data folder.
        split: Of all its calls; empty divides them by the shares.
        is_synthetic: No person said these words.
    """

    path: str
    split: Split | Literal[""] = ""
    is_synthetic: bool = False


Source = Composed | Analysed | ChatML

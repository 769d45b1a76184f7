"""The manifest of prepared calls: what they were made of, and the hash of every file."""

from __future__ import annotations

import msgspec

from training.core.splits import Split

MANIFEST = "manifest.json"
SPLIT_RULE = (
    "A call belongs to one split, over all sources. A source that says which split a call is of "
    "decides; else the groups of a source and category are ordered by the sha256 of seed and "
    "group, and divided by the shares. Of equal calls that of the latest split stays, and a call "
    "that resembles one of a later split is left out."
)


class SourceUsed(msgspec.Struct, frozen=True, kw_only=True):
    """A source of calls.

    Attributes:
        kind: How it was read.
        sha256: Of its files with their names, or of the code and texts that generate it.
        files: How many there are; 0 where the calls are generated.
        examples: That it gave, by split.
    """

    kind: str
    sha256: str
    files: int
    examples: dict[Split, int]


class FileWritten(msgspec.Struct, frozen=True, kw_only=True):
    """A file of calls.

    Attributes:
        lines: Calls in it.
        sha256: Of its content.
    """

    lines: int
    sha256: str


class CorpusManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What decides prepared calls, and what they are.

    Attributes:
        guide: Name and version of the analysis guide.
        seed: Of the split, and of what is generated.
        split_rule: How calls are divided.
        test_share: Of the groups of a source that names no splits.
        validation_share: Likewise.
        near_copy: Similarity from which a call is left out for one of a later split.
        sources: By name in the recipe.
        files: By name, relative to the folder of the manifest.
        subset_of: Of a small subset the sha256 of the whole set's manifest; else empty.
    """

    guide: str
    seed: int
    test_share: float
    validation_share: float
    near_copy: float
    sources: dict[str, SourceUsed]
    files: dict[str, FileWritten]
    split_rule: str = SPLIT_RULE
    subset_of: str = ""

"""What a reader of analysed calls is given, and what it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import msgspec

from models.analytics.temporal import CallCalendar
from schemas.errors import CallstreamError
from training.analytics.sources.recipe import Source

if TYPE_CHECKING:
    from pathlib import Path

    from models.analytics.guide import AnalysisGuide
    from training.analytics.corpus.examples import Example
    from training.core.splits import Split

SourceT = TypeVar("SourceT", bound=Source)


class UnusableError(CallstreamError):
    """One file, or one line of a file, that no example can be made of; the message says why."""


@dataclass(frozen=True)
class Reading(Generic[SourceT]):
    """What a reader is given.

    Attributes:
        name: Of the source in the recipe.
        source: Its table.
        data: Folder that paths are relative to.
        guide: That the analyses are of.
        calendar: Of the contact centre.
        seed: Of what is generated.
    """

    name: str
    source: SourceT
    data: Path
    guide: AnalysisGuide
    calendar: CallCalendar
    seed: int


class Remark(NamedTuple):
    """What was read in another way than it is written.

    Attributes:
        kind: Remarks of one kind are counted together.
        text: What it is about.
    """

    kind: str
    text: str


class Found(NamedTuple):
    """An example.

    Attributes:
        example: Its context is complete.
        split: That the source puts it into; None leaves it to the shares.
        remarks: About it.
    """

    example: Example
    split: Split | None = None
    remarks: tuple[Remark, ...] = ()


class LeftOut(msgspec.Struct, frozen=True):
    """What no example was made of.

    Attributes:
        where: File, or file and line.
        reason: Why not.
    """

    where: str
    reason: str

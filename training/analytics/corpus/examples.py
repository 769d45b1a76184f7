"""One analysed call of a corpus; every form of the training data derives from it."""

from __future__ import annotations

import msgspec

from models.analytics.analysis import Analysis
from models.analytics.turns import SpokenTurn, TemporalContext


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A call and what is to be said of it.

    Attributes:
        id: Of the call, once in the corpus.
        source: Of the call, such as ``composed`` or ``sgd``.
        group: Decides the split: what shares it stays together.
        guide: Versioned name of the analysis guide.
        turns: As they are read.
        context: When it took place.
        analysis: The target; its turns are indexes into ``turns``.
        tasks: Attributes of the analysis that are known; the others are not learnt and not
            measured.
        is_synthetic: No person said these words.
        provenance: Where each part comes from.
    """

    id: str
    source: str
    group: str
    guide: str
    turns: tuple[SpokenTurn, ...]
    context: TemporalContext
    analysis: Analysis
    tasks: tuple[str, ...]
    is_synthetic: bool
    provenance: dict[str, str] = msgspec.field(default_factory=dict)

"""Calls of Harper Valley bank, which people made by telephone: only ever tested on."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from models.analytics.analysis import Analysis, Choice, Judgement
from models.analytics.guide import CATEGORY_TASK
from models.analytics.turns import SpokenTurn, TemporalContext
from models.classification.label_set import load_label_set
from training.analytics.corpus.examples import Example
from training.analytics.measures.findings import CATEGORY
from training.classification.sources.intents import IntentMap
from training.core.json_lines import as_missing_data, read_gzip_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.analytics.guide import AnalysisGuide
    from schemas.base import Party

HARPER_VALLEY = "harper_valley"
FILE = "dialogues.jsonl.gz"
INTENTS = "contact_centre_intents"  # what the tasks of the set mean
_PARTIES: dict[str, Party] = {"agent": "agent", "caller": "customer"}
_NO_WORDS = {"[noise]", "<unk>", "[unintelligible]", "[laughter]"}


class _Turn(msgspec.Struct, frozen=True):
    """A passage of one speaker."""

    speaker: str
    text: str


class _Dialogue(msgspec.Struct, frozen=True):
    """A call: what the caller was asked to do, and what was said."""

    sid: str
    task: str
    turns: tuple[_Turn, ...]


def read_harper_valley(folder: Path, guide: AnalysisGuide) -> list[Example]:
    """Return the calls with the issue that their task means; nothing else of them is known.

    Args:
        folder: With ``dialogues.jsonl.gz``.
        guide: Whose label set names the issues.

    Raises:
        MissingDataError: The file is not there or of another form, or the label set has no label
            for a task.
    """
    with as_missing_data(HARPER_VALLEY, folder):
        dialogues = read_gzip_lines(folder / FILE, _Dialogue)
    intents = IntentMap(INTENTS, load_label_set(guide.label_set))
    issues = [intents.labels(HARPER_VALLEY, each.task)[CATEGORY_TASK][0] for each in dialogues]
    return [_example(each, issue, guide) for each, issue in zip(dialogues, issues, strict=True)]


def _example(dialogue: _Dialogue, issue: str, guide: AnalysisGuide) -> Example:
    return Example(
        id=f"{HARPER_VALLEY}/{dialogue.sid}",
        source=HARPER_VALLEY,
        group=dialogue.sid,
        guide=guide.versioned_name,
        turns=_joined(dialogue.turns),
        context=TemporalContext(),
        analysis=Analysis(
            category=Choice(name=issue),
            journey=None,
            action=None,
            outcome=None,
            faults=(),
            scorecard=(Judgement(answer=None),) * len(guide.scorecard),
            csat=None,
            churn=None,
            quality=None,
        ),
        tasks=(CATEGORY,),
        is_synthetic=False,
        provenance={"task": dialogue.task},
    )


def _joined(turns: Sequence[_Turn]) -> tuple[SpokenTurn, ...]:
    """Return the turns; passages of one speaker after another are one."""
    found = []
    for speaker, passages in groupby(turns, key=lambda turn: turn.speaker):
        words = [word for each in passages for word in each.text.split() if word not in _NO_WORDS]
        if words:
            found.append(SpokenTurn(_PARTIES.get(speaker, "unknown"), " ".join(words)))
    return tuple(found)

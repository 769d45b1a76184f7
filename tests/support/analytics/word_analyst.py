"""A model of call analytics that answers from the words of a call, and a source that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from models.analytics.analysis import Analysis, Answer, Choice, Judgement, Rating
from models.analytics.guide import AnalysisGuide, load_guide
from models.analytics.turns import SpokenTurn, TemporalContext
from models.store.versioned import Refusal, Swap
from schemas.base import CallContext
from schemas.errors import InferenceError
from stream_app.calls.inference import Failed

GUIDE = load_guide("contact-centre")
AWAY, BROKEN = "the back-end is away", "the call cannot be read"
UNREADABLE = "unreadable"  # a call with this word fails for good
HELD_UP = "held up"  # and one with these, while the back-end is away
MISSING = "the base is missing: run `callstream models fetch smollm2-135m`"
CONFIDENCE = 0.8  # of everything


class FoundInWords(NamedTuple):
    """What the model says of a call."""

    analysis: Analysis
    left_out: int = 0


@dataclass
class WordAnalyst:
    """Finds the category that is named, anger, and a greeting.

    Attributes:
        blocked_by: While this file is there, the back-end is away for some calls.
        raises: Each run fails as a whole.
        asked: Number of calls of each run.
    """

    name: str = "words@1"
    guide: AnalysisGuide = GUIDE
    blocked_by: Path | None = None
    raises: bool = False
    anger: str = "angry"
    asked: list[int] = field(default_factory=list)

    def analyse(
        self, calls: Sequence[tuple[Sequence[SpokenTurn], TemporalContext]]
    ) -> list[FoundInWords | Failed]:
        """Return what is to be said of each call."""
        self.asked.append(len(calls))
        if self.raises:
            raise InferenceError(BROKEN)
        return [self._answer(turns) for turns, _ in calls]

    def _answer(self, turns: Sequence[SpokenTurn]) -> FoundInWords | Failed:
        is_blocked = self.blocked_by is not None and self.blocked_by.exists()
        if is_blocked and any(HELD_UP in turn.text for turn in turns):
            return Failed(AWAY, retryable=True)
        if any(UNREADABLE in turn.text for turn in turns):
            return Failed(BROKEN)
        return FoundInWords(self._analysis(turns))

    def _analysis(self, turns: Sequence[SpokenTurn]) -> Analysis:
        texts = [turn.text.casefold() for turn in turns]
        angry = tuple(n for n, text in enumerate(texts) if self.anger in text)
        greets: Answer = "yes" if texts[:1] and "hello" in texts[0] else "no"
        names = [name for name in self.guide.categories if any(name.casefold() in t for t in texts)]
        shown = tuple(n for n, t in enumerate(texts) if names and names[0].casefold() in t)
        category = Choice(name=names[0], turns=shown, confidence=CONFIDENCE) if names else None
        fault = Choice(name=self.guide.faults[3].name, turns=angry, confidence=CONFIDENCE)
        first = Judgement(answer=greets, turns=(0,) if greets == "yes" else ())
        return Analysis(
            category=category,
            journey=Choice(name=self.guide.journeys[4 if angry else 0].name, turns=angry),
            action=None,
            outcome=None,
            faults=(fault,) if angry else (),
            scorecard=(first, *(Judgement(answer=None) for _ in self.guide.scorecard[1:])),
            csat=Rating(score=20 if angry else 70, turns=angry),
            churn=Rating(score=95 if angry else 10, turns=angry, confidence=CONFIDENCE),
            quality=Rating(score=25 if angry else 85, turns=angry, confidence=CONFIDENCE),
        )


def renamed(name: str) -> AnalysisGuide:
    """Return the guide under another name."""
    return msgspec.structs.replace(GUIDE, name=name)


@dataclass
class WordModels:
    """A source of a guide's model, which may be missing, exchanged or compared with another.

    Attributes:
        others: Serve calls of the queue by whose name they stand here.
    """

    champion: WordAnalyst | None = field(default_factory=WordAnalyst)
    challenger: WordAnalyst | None = None
    guide: AnalysisGuide = GUIDE
    changes: list[Swap | Refusal] = field(default_factory=list)
    others: dict[str, "WordModels"] = field(default_factory=dict)

    @property
    def default(self) -> str:
        """Return the name of the guide."""
        return self.guide.name

    def guide_for(self, context: CallContext) -> str:
        """Return the guide that is named as the queue, else the one."""
        return context.queue if context.queue in self.others else self.default

    def of(self, guide: str) -> "WordModels":
        """Return what serves a guide."""
        return self.others.get(guide, self)

    def names(self) -> tuple[str, ...]:
        """Return the guides."""
        return (self.default, *self.others)

    def missing(self) -> Mapping[str, str]:
        """Return why there is no model."""
        own = {} if self.champion else {self.guide.name: MISSING}
        return own | {n: why for each in self.others.values() for n, why in each.missing().items()}

    def refresh(self) -> Sequence[Swap | Refusal]:
        """Return the changes that a test has put there."""
        found, self.changes = self.changes, []
        return found

"""Messages of `calls.insights.v1`: what a language model reads out of a call."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import Count, Identifier, Message, Name, Ratio

MAX_EVIDENCE = 16  # turns that one finding names
MAX_RECOMMENDATIONS = 16
MAX_QUESTIONS = 32
MAX_TEXT = 2_048  # characters

Percent = Annotated[int, Meta(ge=0, le=100)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Evidence = Annotated[tuple[Identifier, ...], Meta(max_length=MAX_EVIDENCE)]
Effectiveness = Literal["poor", "fair", "good", "excellent"]
ChurnBand = Literal["low", "medium", "high"]
# Why a call has no insights; empty where it has
NoInsights = Literal["", "too_short", "language", "no_model", "failed"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One of a closed list, as the call shows it.

    Attributes:
        value: Name in the analysis guide.
        evidence: Ids of the turns that show it, in the order of the call.
        confidence: Probability that it is right, 0 to 1, by the model's tokens and by how often
            such findings were right in validation calls; -1 where the back-end tells none.
    """

    value: Name
    evidence: Evidence = ()
    confidence: Ratio = -1.0


class QualityScore(msgspec.Struct, frozen=True, kw_only=True):
    """How well the agent served the customer.

    Attributes:
        score: 0 to 100.
        effectiveness: The band of the score, by the analysis guide.
        evidence: Ids of the turns that cost points.
        confidence: As of a `Finding`.
    """

    score: Percent
    effectiveness: Effectiveness
    evidence: Evidence = ()
    confidence: Ratio = -1.0


class Satisfaction(msgspec.Struct, frozen=True, kw_only=True):
    """How satisfied the customer would say they are (CSAT).

    Attributes:
        score: 0 to 100.
        evidence: Ids of the turns that show it.
        confidence: As of a `Finding`.
    """

    score: Percent
    evidence: Evidence = ()
    confidence: Ratio = -1.0


class ChurnRisk(msgspec.Struct, frozen=True, kw_only=True):
    """How likely the customer is to leave.

    Attributes:
        score: 0 to 100.
        band: ``low`` to 39, ``medium`` to 69, ``high`` above.
        evidence: Ids of the turns that show it.
        confidence: As of a `Finding`.
    """

    score: Percent
    band: ChurnBand
    evidence: Evidence = ()
    confidence: Ratio = -1.0


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent could do better.

    Attributes:
        fault: Name of the fault in the analysis guide.
        text: The guide's advice, for people.
        evidence: Ids of the turns with the fault.
        confidence: As of a `Finding`.
    """

    fault: Name
    text: Text
    evidence: Evidence = ()
    confidence: Ratio = -1.0


class CallOutline(msgspec.Struct, frozen=True, kw_only=True):
    """A summary: what was wanted, what was done, how it ended; null what the call does not show.

    Attributes:
        issue: The category of the request.
        action: What the agent did.
        outcome: How the call ended.
        text: The three as sentences, from the guide's phrases.
    """

    issue: Finding | None
    action: Finding | None
    outcome: Finding | None
    text: Text


class ScorecardAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the scorecard.

    Attributes:
        question: Its name in the analysis guide.
        answer: Null where the question does not apply to the call.
        evidence: Ids of the turns that show it; a "no" may have none.
        confidence: As of a `Finding`.
    """

    question: Name
    answer: Literal["yes", "no"] | None
    evidence: Evidence = ()
    confidence: Ratio = -1.0


class CallInsights(Message, frozen=True, kw_only=True, tag="call_insights.v1"):
    """What a call says of its service, by one version of a model.

    What the call does not show is null, never guessed.

    Attributes:
        guide: Name and version of the analysis guide, such as ``contact-centre-1``.
        model: Name and version of the model; empty where none could be asked.
        abstained: Why there are none; empty where there are.
        quality: Of the agent's service.
        csat: Of the customer.
        primary_category: A main category of the guide's label set.
        churn_risk: Of the customer.
        journey_type: One of the guide's.
        summary: Issue, action and outcome.
        coaching: Empty where the agent made no fault that the guide knows.
        scorecard: One for each question of the guide.
        is_provisional: The call goes on, and a later answer replaces this one.
        is_shadow: By a challenger that is compared with the model that serves; not to be acted on.
        at_turn: Number of turns that a provisional answer rests on; -1 of a whole call.
        turns_left_out: How many turns in the middle of a long call the model did not read.
    """

    guide: Name
    model: Name
    abstained: NoInsights = ""
    quality: QualityScore | None = None
    csat: Satisfaction | None = None
    primary_category: Finding | None = None
    churn_risk: ChurnRisk | None = None
    journey_type: Finding | None = None
    coaching: Annotated[tuple[Recommendation, ...], Meta(max_length=MAX_RECOMMENDATIONS)] = ()
    summary: CallOutline | None = None
    scorecard: Annotated[tuple[ScorecardAnswer, ...], Meta(max_length=MAX_QUESTIONS)] = ()
    is_provisional: bool = False
    is_shadow: bool = False
    at_turn: Count = -1
    turns_left_out: Count = 0

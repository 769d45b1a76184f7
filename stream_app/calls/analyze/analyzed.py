"""A finalized call as a question to a language model, and the messages of its answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.analytics.analysis import Analysis
from models.analytics.finalized import spoken_turns
from models.analytics.guide import AnalysisGuide, churn_band
from models.analytics.rendering import fill_insights
from models.analytics.temporal import CallCalendar, temporal_context
from models.analytics.turns import SpokenTurn, TemporalContext
from models.private_calls import is_private
from schemas.base import Message
from schemas.insights import CallInsights, NoInsights
from schemas.operations import Alert
from schemas.turns import FinalizedCall
from stream_app.calls.counters import CallCounters
from stream_app.calls.identifiers import event_id

AGENT = "analyze"
HIGH_CHURN, LOW_QUALITY, WITHOUT_MODEL = (
    "high_churn_risk",
    "low_quality",
    "analytics_without_model",
)


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """A call as its model gets it.

    Attributes:
        guide: That serves the call, as the settings name it.
        language: Of the call, as its context states it.
        unserved_language: As the finalized call has it: the recognizer does not serve it.
    """

    guide: str
    turns: tuple[SpokenTurn, ...]
    context: TemporalContext
    language: str
    unserved_language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyzed:
    """The answer of one model to a call.

    Attributes:
        model: Its name; empty where none was asked.
        abstained: Why there is no analysis; empty where there is.
        analysis: None where the model was not asked.
        left_out: How many turns the model did not read.
        classified: Main category by the classifier of the guide's label set; empty where it was
            not asked, or abstained.
        is_shadow: It is compared with the model that serves.
    """

    guide: AnalysisGuide
    model: str = ""
    abstained: NoInsights = ""
    analysis: Analysis | None = None
    left_out: int = 0
    classified: str = ""
    is_shadow: bool = False


@dataclass(frozen=True, slots=True)
class AlertBounds:
    """When a call raises an alert.

    Attributes:
        churn: Least risk.
        quality: Highest score.
    """

    churn: int
    quality: int


def request_of(call: FinalizedCall, guide: str, calendar: CallCalendar) -> AnalyzeRequest | None:
    """Return what the model of a guide gets of a call; None for one that is to be left alone."""
    if is_private(call.context):
        return None
    turns = tuple(SpokenTurn(turn.party, turn.text) for turn in spoken_turns(call))
    context = temporal_context(call.context, calendar)
    return AnalyzeRequest(guide, turns, context, call.context.language, call.unserved_language)


def messages_of(
    call: FinalizedCall, answers: tuple[Analyzed, ...], bounds: AlertBounds
) -> Iterator[Message]:
    """Yield the insights by each model, and the alerts of the one that serves.

    The id of an answer follows from the call, the guide and the model, so that a repetition is
    known. That of an alert leaves the model out: a person is told once, whichever version says it.
    """
    for each in answers:
        insights = insights_of(call, each)
        yield insights
        if not each.is_shadow:
            yield from _alerts(insights, bounds)


def insights_id(call_id: str, guide: str, model: str, *, is_shadow: bool = False) -> str:
    """Return the id of the insights of a call.

    Args:
        call_id: Of the call.
        guide: Name and version.
        model: Name and version; empty where none was asked.
        is_shadow: It is compared with the model that serves.
    """
    return event_id(call_id, "shadow_insights" if is_shadow else "insights", guide, model or "none")


def insights_of(call: FinalizedCall, each: Analyzed) -> CallInsights:
    """Return the message of the answer of one model."""
    guide = each.guide.versioned_name
    insights = CallInsights(
        event_id=insights_id(call.call_id, guide, each.model, is_shadow=each.is_shadow),
        call_id=call.call_id,
        captured_at_ns=call.captured_at_ns,
        guide=guide,
        model=each.model,
        abstained=each.abstained,
        is_shadow=each.is_shadow,
        turns_left_out=each.left_out,
    )
    if each.analysis is None:
        return insights
    turn_ids = [turn.turn_id for turn in spoken_turns(call)]
    return fill_insights(insights, each.analysis, each.guide, turn_ids)


def count_agreement(answers: tuple[Analyzed, ...], counters: CallCounters) -> None:
    """Count whether a challenger, and the classifier, say the same as the model that serves.

    A challenger agrees that names the same category, journey, summary, faults, band of churn risk
    and effectiveness. Calls that nothing was said of do not count.
    """
    champion, *others = answers
    if champion.analysis is None:
        return
    for each in others:
        if each.analysis is not None:
            agrees = _labels_of(each) == _labels_of(champion)
            counters.shadow_agreed += agrees
            counters.shadow_differed += not agrees
    category = champion.analysis.category
    if category is not None and champion.classified:
        agrees = category.name == champion.classified
        counters.categories_agreed += agrees
        counters.categories_differed += not agrees


def no_model(call: FinalizedCall, guide: str, reason: str) -> Alert:
    """Return the alert that calls have no insights, since there is no model to ask."""
    return _alert(call, WITHOUT_MODEL, "warning", {"guide": guide, "reason": reason})


def _labels_of(each: Analyzed) -> tuple[object, ...]:
    found = each.analysis
    assert found is not None
    choices = (found.category, found.journey, found.action, found.outcome)
    return (
        each.guide.versioned_name,
        *(choice and choice.name for choice in choices),
        frozenset(fault.name for fault in found.faults),
        found.churn and churn_band(found.churn.score),
        found.quality and each.guide.effectiveness(found.quality.score),
    )


def _alerts(insights: CallInsights, bounds: AlertBounds) -> Iterator[Alert]:
    churn, quality = insights.churn_risk, insights.quality
    if churn is not None and churn.score >= bounds.churn:
        details = _details(insights, churn.score, churn.confidence, churn.evidence)
        yield _alert(insights, HIGH_CHURN, "high", details)
    if quality is not None and quality.score <= bounds.quality:
        details = _details(insights, quality.score, quality.confidence, quality.evidence)
        yield _alert(insights, LOW_QUALITY, "high", details)


def _details(
    insights: CallInsights, score: int, confidence: float, evidence: Sequence[str]
) -> dict[str, str]:
    details = {
        "guide": insights.guide,
        "model": insights.model,
        "score": str(score),
        "confidence": f"{confidence:.3f}" if confidence >= 0 else "",
        "turn_id": evidence[0] if evidence else "",
    }
    return {name: value for name, value in details.items() if value}


def _alert(
    of: FinalizedCall | CallInsights, kind: str, severity: str, details: dict[str, str]
) -> Alert:
    return Alert(
        event_id=event_id(of.call_id, "alert", AGENT, kind),
        call_id=of.call_id,
        captured_at_ns=of.captured_at_ns,
        kind=kind,
        severity="high" if severity == "high" else "warning",
        source=AGENT,
        details=details,
    )

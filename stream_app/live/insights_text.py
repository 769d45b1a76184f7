"""What a call says of its service, in words."""

from collections.abc import Iterator, Sequence

from schemas.insights import CallInsights, Finding
from stream_app.logs.printable import printable

_ABSTENTIONS = {
    "too_short": "too few turns",
    "language": "a language that the analysis guide does not have",
    "no_model": "no language model",
    "failed": "the model failed",
}


def insights_text(message: CallInsights) -> str:
    """Return the insights of a call in one line, or why it has none.

    Such as ``Billing (80 %), complaint; quality 70 (good), CSAT 60, churn risk 80 (high)``.
    """
    if message.abstained:
        return f"none: {_ABSTENTIONS.get(message.abstained, message.abstained)}"
    parts = [", ".join(_labels(message)), ", ".join(_scores(message))]
    if message.coaching:
        parts.append(f"coaching: {', '.join(each.fault for each in message.coaching)}")
    if message.is_provisional and message.summary is not None:
        parts.append(message.summary.text)
    return printable("; ".join(part for part in parts if part)) or "nothing is shown"


def insights_lines(message: CallInsights) -> Iterator[str]:
    """Yield all that insights say, a finding a line, with the turns that show it."""
    if message.abstained:
        yield insights_text(message)
        return
    summary, quality = message.summary, message.quality
    if summary is not None:
        yield f"summary: {printable(summary.text)}"
        for name in ("issue", "action", "outcome"):
            yield from _finding(f"  {name}", getattr(summary, name))
    yield from _finding("journey", message.journey_type)
    if quality is not None:
        yield f"quality: {quality.score} ({quality.effectiveness}){_turns(quality.evidence)}"
    if message.csat is not None:
        yield f"CSAT: {message.csat.score}{_turns(message.csat.evidence)}"
    churn = message.churn_risk
    if churn is not None:
        yield f"churn risk: {churn.score} ({churn.band}){_turns(churn.evidence)}"
    for each in message.coaching:
        yield f"coaching: {printable(f'{each.fault}: {each.text}')}{_turns(each.evidence)}"
    for answer in message.scorecard:
        said = answer.answer or "does not apply"
        yield f"scorecard: {printable(answer.question)}: {said}{_turns(answer.evidence)}"
    if message.turns_left_out:
        yield f"{message.turns_left_out} turns in the middle were not read"


def _labels(message: CallInsights) -> Iterator[str]:
    for found in (message.primary_category, message.journey_type):
        if found is not None:
            yield (
                f"{found.value} ({found.confidence:.0%})" if found.confidence >= 0 else found.value
            )


def _scores(message: CallInsights) -> Iterator[str]:
    if message.quality is not None:
        yield f"quality {message.quality.score} ({message.quality.effectiveness})"
    if message.csat is not None:
        yield f"CSAT {message.csat.score}"
    if message.churn_risk is not None:
        yield f"churn risk {message.churn_risk.score} ({message.churn_risk.band})"


def _finding(name: str, found: Finding | None) -> Iterator[str]:
    if found is not None:
        sure = f" ({found.confidence:.0%})" if found.confidence >= 0 else ""
        yield f"{name}: {printable(found.value)}{sure}{_turns(found.evidence)}"


def _turns(evidence: Sequence[str]) -> str:
    if not evidence:
        return ""
    return f", {'turn' if len(evidence) == 1 else 'turns'} {', '.join(map(printable, evidence))}"

"""A call in progress as a question to a language model, and the message of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from models.analytics.rendering import fill_insights
from models.analytics.temporal import CallCalendar, temporal_context
from models.analytics.turns import SpokenTurn
from models.private_calls import is_private
from schemas.insights import CallInsights
from schemas.turns import TurnEnded
from stream_app.calls.analyze.analyzed import (
    Analyzed,
    AnalyzeRequest,
)
from stream_app.calls.identifiers import event_id
from stream_app.calls.live_turns import counted

AGENT = "analyze_live"


@dataclass(frozen=True, slots=True)
class ProvisionalRequest:
    """The turns of a call so far as its model gets them.

    Attributes:
        turn_ids: Of the turns.
        counted: Number of turns that the call has had, acknowledgements not counted.
    """

    call: AnalyzeRequest
    turn_ids: tuple[str, ...]
    counted: int


@dataclass(frozen=True, slots=True)
class ProvisionalAnswer:
    """What a model says of them."""

    request: ProvisionalRequest
    analyzed: Analyzed


def request_of(
    turn: TurnEnded, earlier: Sequence[TurnEnded], *, guide: str, calendar: CallCalendar
) -> ProvisionalRequest | None:
    """Return what the model of a guide gets; None for a call that is to be left alone.

    Args:
        turn: The latest one.
        earlier: Those before it.
        guide: That serves the call, as the settings name it.
        calendar: Of the contact centre.
    """
    if is_private(turn.context):
        return None
    spoken = [each for each in (*earlier, turn) if each.text.strip() and not each.is_backchannel]
    request = AnalyzeRequest(
        guide,
        tuple(SpokenTurn(each.party, each.text) for each in spoken),
        temporal_context(turn.context, calendar),
        turn.context.language,
    )
    turn_ids = tuple(each.turn_id for each in spoken)
    return ProvisionalRequest(request, turn_ids, counted(turn, earlier))


def message_of(turn: TurnEnded, answer: ProvisionalAnswer) -> CallInsights:
    """Return the message of a provisional answer.

    How the call went is judged at its end: no quality, satisfaction or risk stands in it. Its id
    follows from the turn, the guide and the model, so that a repetition is known.
    """
    each = answer.analyzed
    guide = each.guide.versioned_name
    position = (guide, each.model or "none", turn.channel, turn.start_ms)
    insights = CallInsights(
        event_id=event_id(turn.call_id, "provisional_insights", *position),
        call_id=turn.call_id,
        captured_at_ns=turn.captured_at_ns,
        guide=guide,
        model=each.model,
        abstained=each.abstained,
        is_provisional=True,
        at_turn=answer.request.counted,
        turns_left_out=each.left_out,
    )
    if each.analysis is None:
        return insights
    found = fill_insights(insights, each.analysis, each.guide, answer.request.turn_ids)
    return msgspec.structs.replace(found, quality=None, csat=None, churn_risk=None)

"""A call that is asked about on its own: from a file, or by a request."""

from collections.abc import Sequence

from models.analytics.rendering import fill_insights
from schemas.insights import CallInsights
from stream_app.calls.analyze.analyzed import Analyzed, insights_id


def insights_of_text(
    each: Analyzed, turn_ids: Sequence[str], call_id: str = "call"
) -> CallInsights:
    """Return what a model says of a call that is on no topic.

    Args:
        each: The answer.
        turn_ids: Of the turns that were asked about, in their order.
        call_id: Of the call.
    """
    guide = each.guide.versioned_name
    insights = CallInsights(
        event_id=insights_id(call_id, guide, each.model),
        call_id=call_id,
        captured_at_ns=0,
        guide=guide,
        model=each.model,
        abstained=each.abstained,
        turns_left_out=each.left_out,
    )
    if each.analysis is None:
        return insights
    return fill_insights(insights, each.analysis, each.guide, turn_ids)

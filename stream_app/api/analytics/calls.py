"""The call in a request to analyse one."""

from typing import NamedTuple

import msgspec

from models.analytics.serving.conversation import (
    Conversation,
    completed,
    context_of,
    read_conversation,
)
from models.analytics.temporal import CallCalendar
from models.analytics.turns import SpokenTurn
from stream_app.api.analytics.bodies import AnalyzeRequest
from stream_app.calls.analyze.analyzed import AnalyzeRequest as Asked


class GivenCall(NamedTuple):
    """A call that is on no topic.

    Attributes:
        asked: As the model gets it.
        turn_ids: Of the turns that it reads: their numbers, from 1.
    """

    asked: Asked
    turn_ids: tuple[str, ...]


def call_of(request: AnalyzeRequest, calendar: CallCalendar) -> GivenCall:
    """Return the call of a request; its guide is empty where the request names none.

    Args:
        request: With the call in one of its forms.
        calendar: Of the contact centre.

    Raises:
        ConversationError: It holds no call.
    """
    given = request.context.model_dump(exclude_none=True)
    context = context_of({name: str(value) for name, value in given.items()})
    if request.conversation is None:
        turns = tuple(SpokenTurn(each.party, each.text) for each in request.turns or ())
        call = Conversation(turns, context)
    else:
        call = read_conversation(request.conversation)
    said = {n: v for n, v in msgspec.structs.asdict(context).items() if v is not None}
    context = msgspec.structs.replace(call.context, **said)
    call = call._replace(context=context)
    return given_call(call, calendar, request.guide, request.language)


def given_call(
    call: Conversation, calendar: CallCalendar, guide: str = "", language: str = ""
) -> GivenCall:
    """Return a conversation as it is asked about; turns without words are left out."""
    spoken = [(number, turn) for number, turn in enumerate(call.turns, 1) if turn.text.strip()]
    turns = tuple(turn for _, turn in spoken)
    asked = Asked(guide, turns, completed(call.context, calendar), language)
    return GivenCall(asked, tuple(str(number) for number, _ in spoken))

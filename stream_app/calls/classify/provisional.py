"""A call in progress as a question to a classification model, and the message of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.classification.classifier import Passage
from models.private_calls import is_private
from schemas.classification import CallClassified
from schemas.turns import TurnEnded
from stream_app.calls.classify.classified import Classified, ClassifyRequest, task_answers
from stream_app.calls.identifiers import event_id
from stream_app.calls.live_turns import counted

AGENT = "classify_live"


@dataclass(frozen=True, slots=True)
class ProvisionalRequest:
    """The latest turns of a call as its model gets them.

    Attributes:
        turns: Number of turns that the call has had, acknowledgements not counted.
    """

    call: ClassifyRequest
    turns: int


@dataclass(frozen=True, slots=True)
class ProvisionalAnswer:
    """What a model says of them."""

    request: ProvisionalRequest
    classified: Classified


def request_of(
    turn: TurnEnded, earlier: Sequence[TurnEnded], *, label_set: str, words: int
) -> ProvisionalRequest | None:
    """Return what the model of a label set gets; None for a call that is to be left alone.

    Args:
        turn: The latest one.
        earlier: Those before it.
        label_set: That serves the call.
        words: How many of the latest are read, in whole turns, the latest turn always.
    """
    if is_private(turn.context):
        return None
    read = [turn]
    left = words - turn.words
    for each in reversed(earlier):
        left -= each.words
        if left < 0:
            break
        read.append(each)
    passages = tuple(Passage(each.text, each.party, each.turn_id) for each in reversed(read))
    request = ClassifyRequest(label_set, passages, turn.context.language)
    return ProvisionalRequest(request, counted(turn, earlier))


def message_of(turn: TurnEnded, answer: ProvisionalAnswer) -> CallClassified:
    """Return the message of a provisional answer.

    Its id follows from the turn, the label set and the model, so that a repetition is known.
    """
    request, each = answer.request, answer.classified
    label_set = each.label_set.versioned_name
    turn_ids = [passage.id for passage in request.call.passages]
    position = (label_set, each.model or "none", turn.channel, turn.start_ms)
    return CallClassified(
        event_id=event_id(turn.call_id, "provisional", *position),
        call_id=turn.call_id,
        captured_at_ns=turn.captured_at_ns,
        label_set=label_set,
        model=each.model,
        answers=task_answers(each.found, turn_ids),
        abstained=each.found.abstained,
        is_provisional=True,
        at_turn=request.turns,
        windows=each.found.windows,
        second_opinion=each.found.second_opinion,
    )

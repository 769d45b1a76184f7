"""Messages that detect_turns writes."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from schemas.base import CallContext
from schemas.transcripts import CallTranscribed, TranscriptFinal
from schemas.turns import (
    CallTurnsComplete,
    Interruption,
    TurnEnded,
    TurnEndPredicted,
    TurnEndReason,
    TurnRevised,
    TurnStarted,
)
from stream_app.calls.detect_turns.judgement import JudgementRequest
from stream_app.calls.detect_turns.overlap import Overlap
from stream_app.calls.detect_turns.turn_state import ChannelTurns, EndedTurn, OpenTurn
from stream_app.calls.identifiers import event_id, turn_id


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The decision that a turn is over.

    Attributes:
        at_ms: Audio clock of the decision.
        is_backchannel: The turn was a short acknowledgement.
    """

    at_ms: int
    reason: TurnEndReason
    is_backchannel: bool


def started_message(call_id: str, channel: ChannelTurns, turn: OpenTurn, at_ms: int) -> TurnStarted:
    """Return the message of a turn whose first words came at ``at_ms``."""
    return TurnStarted(
        event_id=event_id(call_id, "turn_started", channel.channel, turn.start_ms),
        call_id=call_id,
        captured_at_ns=turn.started_at_ns,
        turn_id=turn_id(call_id, channel.channel, turn.start_ms),
        channel=channel.channel,
        party=channel.party,
        start_ms=turn.start_ms,
        at_ms=at_ms,
    )


def ended_message(
    call_id: str,
    channel: ChannelTurns,
    turn: OpenTurn,
    end: TurnEnd,
    context: CallContext,
) -> TurnEnded:
    """Return the message of a turn's end.

    Args:
        call_id: Of the call.
        channel: Of the turn.
        turn: That ended.
        end: When and why it did.
        context: Of the call.
    """
    speech = turn.worded_speech
    return TurnEnded(
        event_id=event_id(call_id, "turn_ended", channel.channel, turn.start_ms),
        call_id=call_id,
        captured_at_ns=turn.spoken_at_ns,
        turn_id=turn_id(call_id, channel.channel, turn.start_ms),
        channel=channel.channel,
        party=channel.party,
        start_ms=turn.start_ms,
        end_ms=speech[-1].end_ms if speech else turn.end_ms,
        at_ms=end.at_ms,
        text=turn.text,
        segment_ids=tuple(turn.segment_ids),
        words=turn.words,
        speech=speech,
        reason=end.reason,
        probability=turn.probability,
        is_backchannel=end.is_backchannel,
        context=context,
    )


def revised_message(
    call_id: str, channel: ChannelTurns, turn: EndedTurn, final: TranscriptFinal
) -> TurnRevised:
    """Return the message of an ended turn whose text a final revised."""
    return TurnRevised(
        event_id=event_id(call_id, "turn_revised", channel.channel, turn.start_ms, final.start_ms),
        call_id=call_id,
        captured_at_ns=final.captured_at_ns,
        turn_id=turn_id(call_id, channel.channel, turn.start_ms),
        channel=channel.channel,
        party=channel.party,
        at_ms=final.at_ms,
        text=turn.text,
        words=turn.words,
    )


def predicted_message(
    request: JudgementRequest,
    channel: ChannelTurns,
    when: tuple[int, int],
    *,
    probability: float,
    is_withdrawn: bool = False,
) -> TurnEndPredicted:
    """Return the message that predicts the end of a turn, or withdraws the prediction.

    Args:
        request: Whose answer led to the prediction.
        channel: Of the turn.
        when: Audio clock, and wall clock (Unix, ns) of its capture.
        probability: That the turn ends here.
        is_withdrawn: It does not end after all.
    """
    at_ms, captured_at_ns = when
    kind = "turn_end_withdrawn" if is_withdrawn else "turn_end_predicted"
    return TurnEndPredicted(
        event_id=event_id(request.call_id, kind, channel.channel, at_ms),
        call_id=request.call_id,
        captured_at_ns=captured_at_ns,
        turn_id=turn_id(request.call_id, channel.channel, request.turn_start_ms),
        channel=channel.channel,
        party=channel.party,
        at_ms=at_ms,
        probability=probability,
        is_withdrawn=is_withdrawn,
    )


def interruption_message(
    call_id: str, interrupter: ChannelTurns, overlap: Overlap, at_ms: int, overlap_ms: int
) -> Interruption:
    """Return the message of an overlap that counts as an interruption from ``at_ms`` on."""
    return Interruption(
        event_id=event_id(call_id, "interruption", overlap.channel, overlap.at_ms, overlap.other),
        call_id=call_id,
        captured_at_ns=overlap.captured_at_ns,
        channel=overlap.channel,
        party=interrupter.party,
        interrupted_channel=overlap.other,
        interrupted_turn_id=turn_id(call_id, *overlap.interrupted),
        at_ms=overlap.at_ms,
        decided_at_ms=at_ms,
        overlap_ms=overlap_ms,
        is_yielded=overlap.is_yielded,
    )


def complete_message(
    transcribed: CallTranscribed, turns: int, models: Mapping[str, str]
) -> CallTurnsComplete:
    """Return the message that ends the turns of a call.

    Args:
        transcribed: The end of its transcripts.
        turns: How many there were.
        models: That judged them, by task; added to those of the transcripts.
    """
    summary = transcribed.summary
    if models:
        summary = msgspec.structs.replace(summary, models={**summary.models, **models})
    return CallTurnsComplete(
        event_id=event_id(transcribed.call_id, "call_turns_complete"),
        call_id=transcribed.call_id,
        captured_at_ns=transcribed.captured_at_ns,
        at_ms=transcribed.at_ms,
        turns=turns,
        summary=summary,
    )

"""Messages of `calls.turns.v1` and `calls.finalized.v1`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import (
    MAX_CHANNELS,
    CallContext,
    Channel,
    Count,
    Identifier,
    Language,
    Message,
    Milliseconds,
    Name,
    Parties,
    Party,
    Ratio,
)
from schemas.transcripts import CallSummary, ChannelHealth, Models

MAX_TURN_WORDS = 1_000_000  # so that no sum of a call's leaves the bounds of a count

TurnEndReason = Literal["semantic", "silence", "ceiling", "interrupted", "stall", "call_ended"]


class SpeechSpan(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An interval of speech on the audio clock."""

    start_ms: Milliseconds
    end_ms: Milliseconds


class TurnStarted(Message, frozen=True, kw_only=True, tag="turn_started.v1"):
    """A party takes the turn with the first word or sound at ``start_ms``."""

    turn_id: Identifier
    channel: Channel
    party: Party
    start_ms: Milliseconds
    at_ms: Milliseconds


class TurnEndPredicted(Message, frozen=True, kw_only=True, tag="turn_end_predicted.v1"):
    """The turn seems complete; may rest on partials and may be withdrawn (volatile lane).

    Attributes:
        probability: That the turn ends here, 0 to 1.
        is_withdrawn: Takes the last prediction of the turn back.
    """

    turn_id: Identifier
    channel: Channel
    party: Party
    at_ms: Milliseconds
    probability: Ratio
    is_withdrawn: bool = False


class TurnEnded(Message, frozen=True, kw_only=True, tag="turn_ended.v1"):
    """A turn is over; never withdrawn, but its text may be revised (`TurnRevised`).

    Attributes:
        start_ms: Begin of its first speech.
        end_ms: End of its last speech.
        at_ms: Audio clock of the decision; ``at_ms - end_ms`` is the end-of-turn delay.
        text: Text of its segments, joined.
        words: Number of words as they were spoken: "555-1234" is seven.
        probability: Semantic end-of-turn probability, -1 where no model judged.
        reason: What ended it; ``semantic`` is a complete sentence and a short silence.
        speech: Its intervals of speech, without the pauses between and without the segments in
            which the recognizer found no words.
        is_backchannel: A short acknowledgement that did not take the turn.
        context: Of the call, without its hot words.
    """

    turn_id: Identifier
    channel: Channel
    party: Party
    start_ms: Milliseconds
    end_ms: Milliseconds
    at_ms: Milliseconds
    text: str
    segment_ids: tuple[Identifier, ...]
    words: Annotated[int, Meta(ge=0, le=MAX_TURN_WORDS)]
    speech: tuple[SpeechSpan, ...]
    reason: TurnEndReason
    probability: Ratio = -1.0
    is_backchannel: bool = False
    context: CallContext = CallContext()


class TurnRevised(Message, frozen=True, kw_only=True, tag="turn_revised.v1"):
    """What was said in a turn that has ended, heard better with what the party said after it.

    Attributes:
        at_ms: Audio clock of the final that revised it; the latest revision of a turn holds.
        text: In place of that of the turn.
        words: Number of words as they were spoken.
    """

    turn_id: Identifier
    channel: Channel
    party: Party
    at_ms: Milliseconds
    text: str
    words: Annotated[int, Meta(ge=0, le=MAX_TURN_WORDS)]


class Interruption(Message, frozen=True, kw_only=True, tag="interruption.v1"):
    """A party began to speak while the other one spoke, and both went on.

    Attributes:
        channel: Who interrupted.
        party: Who speaks on ``channel``.
        interrupted_channel: Who was interrupted.
        interrupted_turn_id: The turn of the one who was interrupted.
        at_ms: Audio clock at which the overlap began.
        decided_at_ms: Audio clock at which it counted as an interruption.
        overlap_ms: Overlap until the decision.
        is_yielded: The interrupted party had fallen silent by then.
    """

    channel: Channel
    party: Party
    interrupted_channel: Channel
    interrupted_turn_id: Identifier
    at_ms: Milliseconds
    decided_at_ms: Milliseconds
    overlap_ms: Milliseconds
    is_yielded: bool


class CallTurnsComplete(Message, frozen=True, kw_only=True, tag="call_turns_complete.v1"):
    """No turn of this call follows."""

    at_ms: Milliseconds
    turns: Count
    summary: CallSummary


TurnTopicMessage = (
    TurnStarted | TurnEndPredicted | TurnEnded | TurnRevised | Interruption | CallTurnsComplete
)


class FinalizedTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn of a finalized call.

    Attributes:
        text: With what later finals revised.
        is_backchannel: A short acknowledgement that did not take the turn.
    """

    turn_id: Identifier
    channel: Channel
    party: Party
    start_ms: Milliseconds
    end_ms: Milliseconds
    text: str
    segment_ids: tuple[Identifier, ...]
    is_backchannel: bool = False


class ChannelMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """How one party spoke.

    Attributes:
        talk_ms: Time with speech.
        turns: How many there were, backchannels not counted.
        backchannels: Short acknowledgements.
        words: Number of words as they were spoken.
        talk_share: Share of the speech of all channels, 0 to 1.
        words_per_minute: Words in a minute of the party's own speech.
        interruptions: How often this party interrupted.
        response_delay_ms: Median time from the other party's end of turn to this one's start;
            -1 where there was none.
        health: How the audio of its channel was; null where no channel is at fault.
        crosstalk_ms: Sound that was an echo of another channel; it counts for nothing else.
    """

    channel: Channel
    party: Party
    talk_ms: Milliseconds
    talk_share: Ratio
    turns: Count
    backchannels: Count
    words: Count
    words_per_minute: Annotated[float, Meta(ge=0)]
    interruptions: Count
    response_delay_ms: Milliseconds
    health: ChannelHealth | None = None
    crosstalk_ms: Milliseconds = 0


class CallMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a whole call; times in ms of the audio clock.

    Attributes:
        silence_ms: Time without speech on any channel.
        silence_share: Share of the duration, 0 to 1.
        overlap_ms: Time with speech on more than one channel.
        hold_ms: Time on hold.
        holds: How many there were.
        words: Number of words as they were spoken.
        gap_ms: Audio that never came.
        channels: How each party spoke.
        clock_ahead_ms: By how much the audio lasted longer than the times of its chunks say.
    """

    duration_ms: Milliseconds
    silence_ms: Milliseconds
    silence_share: Ratio
    overlap_ms: Milliseconds
    interruptions: Count
    hold_ms: Milliseconds
    holds: Count
    turns: Count
    words: Count
    gap_ms: Milliseconds
    channels: Annotated[tuple[ChannelMetrics, ...], Meta(max_length=MAX_CHANNELS)]
    clock_ahead_ms: Milliseconds = 0


class FinalizedCall(Message, frozen=True, kw_only=True, tag="finalized_call.v1"):
    """A whole call: the text of its turns with segment ids, metrics and context.

    Attributes:
        turns: In the order in which they began.
        metrics: Figures of the whole call.
        is_abridged: It was too long for one message: the segment ids are missing, and perhaps
            turns from its middle; the metrics are those of the whole call.
        unserved_language: See CallSummary; the words of such a call are not to be relied on.
    """

    end_reason: Name
    parties: Parties
    turns: tuple[FinalizedTurn, ...]
    metrics: CallMetrics
    context: CallContext
    models: Models = {}
    is_abridged: bool = False
    unserved_language: Language = ""


FinalizedTopicMessage = FinalizedCall

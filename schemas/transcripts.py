"""Messages of `calls.transcripts.v1`.

`SpeechActivity`, `TranscriptFinal` and `CallTranscribed` are the deterministic lane: the same
audio gives the same bytes, wall-clock stamps aside. `TranscriptPartial` is volatile.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import (
    MAX_CHANNELS,
    MAX_DTMF_KEYS,
    MAX_HOLDS,
    MAX_MODELS,
    MAX_SEGMENT_WORDS,
    MAX_WORD,
    CallContext,
    Channel,
    Count,
    Decibels,
    Digit,
    Identifier,
    KeyChannel,
    Language,
    Message,
    Milliseconds,
    Name,
    Parties,
    Party,
    Ratio,
    SegmentText,
)


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A recognised word with its place on the audio clock and the model's probability of it."""

    text: Annotated[str, Meta(max_length=MAX_WORD)]
    start_ms: Milliseconds
    end_ms: Milliseconds
    confidence: Ratio


Words = Annotated[tuple[Word, ...], Meta(max_length=MAX_SEGMENT_WORDS)]

MAX_REVISED_SEGMENTS = 32
MAX_REVISION_MS = 30_000  # no segment that ended so long before a final is revised by it


class SpeechActivity(Message, frozen=True, kw_only=True, tag="speech_activity.v1"):
    """Speech or silence of a channel at an instant: the clock of everything downstream.

    Goes out at every edge, and every 200 ms of audio from there while a turn can be open.

    Attributes:
        lane_seq: Counts the channel's deterministic messages from 0 without holes.
        is_speech: Whether there is speech from ``at_ms`` on.
        kind: ``start`` and ``end`` are edges, ``tick`` repeats the state, ``stall`` says that
            no audio comes any more for now.
        at_ms: Audio clock of this message; an ``end`` comes later than the speech it ends.
        silence_ms: Silence so far; 0 while there is speech.
        since_ms: Audio clock at which the present speech, or the present silence, began.
    """

    channel: Channel
    party: Party
    lane_seq: Count
    kind: Literal["start", "end", "tick", "stall"]
    is_speech: bool
    at_ms: Milliseconds
    silence_ms: Milliseconds
    since_ms: Milliseconds


class TranscriptPartial(Message, frozen=True, kw_only=True, tag="transcript_partial.v1"):
    """What a segment sounds like so far; later partials and the final supersede it.

    Attributes:
        revision: Audio decoded since the segment began (ms): never runs backwards.
        stable_words: How many leading words will not change before the final.
        stability: Share of the words that two updates agreed upon, 0 to 1.
        domain: Of the call, as its context says.
    """

    channel: Channel
    party: Party
    segment_id: Identifier
    revision: Count
    start_ms: Milliseconds
    end_ms: Milliseconds
    text: SegmentText
    words: Words
    stable_words: Count
    stability: Ratio
    language: Language
    domain: Name = ""
    is_final: Literal[False] = False


class RevisedSegment(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment says as heard with those after it: this supersedes its final.

    Attributes:
        start_ms: Audio clock of its first sample.
    """

    segment_id: Identifier
    start_ms: Milliseconds
    text: SegmentText
    words: Words


class TranscriptFinal(Message, frozen=True, kw_only=True, tag="transcript_final.v1"):
    """The transcript of a finished segment: a pure function of its audio and the weights.

    Attributes:
        lane_seq: See SpeechActivity.
        revision: Audio heard since the segment began (ms), what follows its speech too: no partial
            of the segment has a higher one.
        at_ms: Audio clock at which the segment was cut; orders the deterministic lane.
        cut: Why it ended: a ``pause``, the ``limit`` of a segment's length, a ``gap`` in the
            audio, a ``stall``, the ``end`` of the call.
        rejected: Name of the guard that took the words away, ``failed`` where the recognizer could
            not run, ``crosstalk`` where the segment is an echo of another channel; empty otherwise.
        model: Name and version of the weights.
        domain: Of the call, as its context says; routes it to a model of turns.
        revised: Earlier segments of its passage, all that were decoded with it, in order.
        context: Of the call, without its hot words.
    """

    channel: Channel
    party: Party
    lane_seq: Count
    segment_id: Identifier
    revision: Count
    start_ms: Milliseconds
    end_ms: Milliseconds
    at_ms: Milliseconds
    cut: Literal["pause", "limit", "gap", "stall", "end"]
    text: SegmentText
    words: Words
    confidence: Ratio
    language: Language
    model: Name
    rejected: Name = ""
    stability: Ratio = 1.0
    domain: Name = ""
    is_final: Literal[True] = True
    revised: Annotated[tuple[RevisedSegment, ...], Meta(max_length=MAX_REVISED_SEGMENTS)] = ()
    context: CallContext = CallContext()


Models = Annotated[dict[Name, Name], Meta(max_length=MAX_MODELS)]


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """The caller was on hold from ``start_ms`` to ``end_ms`` of the audio clock."""

    start_ms: Milliseconds
    end_ms: Milliseconds


class DtmfKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that a party pressed."""

    channel: KeyChannel
    at_ms: Milliseconds
    digit: Digit


ChannelFault = Literal["silent", "quiet", "clipped", "offset", "noise"]


class ChannelHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the audio of a channel was, from start to end.

    Attributes:
        level_dbfs: Level of its loudest second, to within 1.5 dB; -96 for silence.
        noise_dbfs: Level of its quietest twentieth, digital silence apart; -96 for silence.
        peak: Largest magnitude, 1 at full scale.
        clipped_share: Share of the samples that are at full scale, 0 to 1.
        dc_offset: Mean of the samples, 1 at full scale.
        silent_share: Share of its audio that is digital silence, or did not come, 0 to 1.
        faults: What is wrong: ``silent`` from start to end, ``quiet`` (never above -45 dBFS),
            ``clipped``, an ``offset`` of the mean, constant ``noise``.
    """

    level_dbfs: Decibels
    noise_dbfs: Decibels
    peak: Ratio
    clipped_share: Ratio
    dc_offset: Ratio
    silent_share: Ratio
    faults: tuple[ChannelFault, ...] = ()


Healths = Annotated[tuple[ChannelHealth, ...], Meta(max_length=MAX_CHANNELS)]
CrosstalkTimes = Annotated[tuple[Milliseconds, ...], Meta(max_length=MAX_CHANNELS)]


class CallSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What transcribe knows of a whole call; copied along to the finalized call.

    Attributes:
        holds: In their order.
        dtmf: Keys that were pressed, in their order.
        gap_ms: Audio that never came and was filled with silence or jumped over.
        gaps: How many times.
        lane_seqs: Number of deterministic messages of each channel.
        models: Weights used, by task.
        unserved_language: Language of the call that the recognizer does not serve: as it was
            stated, or ``und`` where the words do not look like its own; left out if it does.
        health: How the audio of each channel was; left out if no channel is at fault.
        clock_ahead_ms: By how much the audio lasted longer than the times of its chunks say; left
            out if it did not.
        crosstalk_ms: For each channel the sound that was an echo of another one, and no speech;
            left out if there was none.
    """

    parties: Parties
    duration_ms: Milliseconds
    end_reason: Name
    context: CallContext
    holds: Annotated[tuple[Hold, ...], Meta(max_length=MAX_HOLDS)] = ()
    dtmf: Annotated[tuple[DtmfKey, ...], Meta(max_length=MAX_DTMF_KEYS)] = ()
    gaps: Count = 0
    gap_ms: Milliseconds = 0
    lane_seqs: Annotated[tuple[Count, ...], Meta(max_length=MAX_CHANNELS)] = ()
    models: Models = {}
    unserved_language: Language | msgspec.UnsetType = msgspec.UNSET
    health: Healths | msgspec.UnsetType = msgspec.UNSET
    clock_ahead_ms: Milliseconds | msgspec.UnsetType = msgspec.UNSET
    crosstalk_ms: CrosstalkTimes | msgspec.UnsetType = msgspec.UNSET


class CallTranscribed(Message, frozen=True, kw_only=True, tag="call_transcribed.v1"):
    """No transcript of this call follows."""

    at_ms: Milliseconds
    summary: CallSummary


TranscriptTopicMessage = SpeechActivity | TranscriptPartial | TranscriptFinal | CallTranscribed

"""Return the messages that transcribe writes, from what its parts say."""

from models.asr.agreement import PartialHypothesis
from models.asr.hypothesis import Word as HeardWord
from schemas.base import Party
from schemas.transcripts import SpeechActivity, TranscriptFinal, TranscriptPartial, Word
from stream_app.calls.identifiers import event_id
from stream_app.calls.recognition import RecognitionResult
from stream_app.calls.segmenter import Activity, Segment


def activity_message(
    activity: Activity, place: tuple[str, int, Party, int], captured_at_ns: int
) -> SpeechActivity:
    """Return the message of an activity.

    Args:
        activity: Of a channel.
        place: Call id, channel, party and lane_seq.
        captured_at_ns: Of the audio at ``activity.at_ms``.
    """
    call_id, channel, party, lane_seq = place
    return SpeechActivity(
        event_id=event_id(call_id, "activity", channel, lane_seq),
        call_id=call_id,
        captured_at_ns=captured_at_ns,
        channel=channel,
        party=party,
        lane_seq=lane_seq,
        kind=activity.kind,
        is_speech=activity.is_speech,
        at_ms=activity.at_ms,
        silence_ms=activity.silence_ms,
        since_ms=activity.since_ms,
    )


def final_message(
    result: RecognitionResult, segment: Segment, party: Party, lane_seq: int
) -> TranscriptFinal:
    """Return the message of a finished segment."""
    request = result.request
    words = _on_call_clock(result.hypothesis.words, request.start_ms)
    confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
    return TranscriptFinal(
        event_id=event_id(request.call_id, "final", request.channel, segment.start_ms),
        call_id=request.call_id,
        captured_at_ns=request.captured_at_ns,
        channel=request.channel,
        party=party,
        lane_seq=lane_seq,
        segment_id=request.segment_id,
        revision=request.audio_ms,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        at_ms=segment.at_ms,
        cut=segment.cut,
        text=result.hypothesis.text,
        words=words,
        confidence=round(confidence, 4),
        language=result.hypothesis.language,
        model=result.model,
        rejected=result.rejected,
    )


def partial_message(
    result: RecognitionResult, partial: PartialHypothesis, party: Party
) -> TranscriptPartial:
    """Return the message of a segment's hypothesis so far."""
    request = result.request
    words = _on_call_clock(partial.words, request.start_ms)
    return TranscriptPartial(
        event_id=event_id(
            request.call_id, "partial", request.channel, request.start_ms, request.audio_ms
        ),
        call_id=request.call_id,
        captured_at_ns=request.captured_at_ns,
        channel=request.channel,
        party=party,
        segment_id=request.segment_id,
        revision=request.audio_ms,
        start_ms=request.start_ms,
        end_ms=request.start_ms + request.audio_ms,
        text=" ".join(word.text for word in words),
        words=words,
        stable_words=len(partial.committed),
        stability=round(partial.stability, 4),
        language=result.hypothesis.language,
    )


def _on_call_clock(words: tuple[HeardWord, ...], start_ms: int) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=word.text,
            start_ms=start_ms + word.start_ms,
            end_ms=start_ms + word.end_ms,
            confidence=round(word.confidence, 4),
        )
        for word in words
    )

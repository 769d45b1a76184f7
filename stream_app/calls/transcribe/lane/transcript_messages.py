"""Messages that transcribe writes."""

import msgspec

from models.asr.core.hypothesis import PUNCTUATION, Hypothesis, bare_text
from models.asr.core.hypothesis import Word as HeardWord
from models.asr.core.tokens import UNSPACED_LANGUAGES
from models.asr.partials.agreement import PartialHypothesis
from models.asr.writing.normalisation import WordStyle, normalise
from schemas.audio import CallEnded
from schemas.base import Party
from schemas.transcripts import (
    CallSummary,
    CallTranscribed,
    RevisedSegment,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
    Word,
)
from stream_app.calls.identifiers import event_id, segment_id
from stream_app.calls.transcribe.input.call_facts import CallFacts
from stream_app.calls.transcribe.input.sequence_point import SequencePoint, to_ms
from stream_app.calls.transcribe.recognition.passages import RevisedHypothesis
from stream_app.calls.transcribe.recognition.requests import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.segmenter.segments import Activity, Segment


def activity_message(
    activity: Activity, source: tuple[str, int, Party, int], captured_at_ns: int
) -> SpeechActivity:
    """Return the message of an activity.

    Args:
        activity: Of a channel.
        source: Call id, channel, party and lane_seq.
        captured_at_ns: Of the audio at ``activity.at_ms``.
    """
    call_id, channel, party, lane_seq = source
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
    result: RecognitionResult,
    segment: Segment,
    lane_seq: int,
    *,
    style: WordStyle = "spoken",
) -> TranscriptFinal:
    """Return the message of a finished segment."""
    request, hypothesis = result.request, result.hypothesis
    text, words = _written(hypothesis, request.start_ms, style)
    confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
    return TranscriptFinal(
        event_id=event_id(request.call_id, "final", request.channel, segment.start_ms),
        call_id=request.call_id,
        captured_at_ns=request.captured_at_ns,
        channel=request.channel,
        party=request.party,
        lane_seq=lane_seq,
        segment_id=request.segment_id,
        revision=segment.at_ms - segment.start_ms,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        at_ms=segment.at_ms,
        cut=segment.cut,
        text=text,
        words=words,
        confidence=round(confidence, 4),
        language=hypothesis.language,
        model=result.model,
        rejected=result.rejected,
        domain=request.call_context.domain,
        revised=tuple(_revised(one, request, style) for one in result.revised),
        context=request.call_context,
    )


def _revised(
    earlier: RevisedHypothesis, request: RecognitionRequest, style: WordStyle
) -> RevisedSegment:
    hypothesis, start_ms = earlier.hypothesis, earlier.span.start_ms
    text, words = _written(hypothesis, start_ms, style)
    return RevisedSegment(
        segment_id=segment_id(request.call_id, request.channel, start_ms),
        start_ms=start_ms,
        text=text,
        words=words,
    )


def partial_message(
    result: RecognitionResult,
    partial: PartialHypothesis,
    *,
    style: WordStyle = "spoken",
) -> TranscriptPartial:
    """Return the message of the present hypothesis for an open segment."""
    request, language = result.request, result.hypothesis.language
    words = _on_call_clock(_styled(partial.words, style, language), request.start_ms)
    settled = _settled(partial.committed, style, language)
    return TranscriptPartial(
        event_id=event_id(
            request.call_id, "partial", request.channel, request.start_ms, request.audio_ms
        ),
        call_id=request.call_id,
        captured_at_ns=request.captured_at_ns,
        channel=request.channel,
        party=request.party,
        segment_id=request.segment_id,
        revision=request.audio_ms,
        start_ms=request.start_ms,
        end_ms=request.start_ms + request.audio_ms,
        text=_text_of(words, language),
        words=words,
        stable_words=len(_styled(settled, style, language)),
        stability=round(partial.stability, 4),
        language=language,
        domain=request.call_context.domain,
    )


def call_summary(
    facts: CallFacts,
    point: SequencePoint,
    *,
    end_reason: str,
    lane_seqs: tuple[int, ...],
    model: str,
) -> CallSummary:
    """Return the summary of a call at its end.

    Args:
        facts: From its control messages.
        point: Behind its last chunk.
        end_reason: Of its end.
        lane_seqs: Number of deterministic messages of each channel.
        model: Name and version of the recognizer's weights.
    """
    duration_ms = to_ms(point.clock, facts.sample_rate_hz) if point.clock else 0
    return CallSummary(
        parties=facts.parties,
        duration_ms=duration_ms,
        end_reason=end_reason,
        context=facts.context,
        holds=facts.holds(duration_ms),
        dtmf=facts.dtmf,
        gaps=point.gaps,
        gap_ms=point.gap_ms,
        lane_seqs=lane_seqs,
        models={"asr": model},
        clock_ahead_ms=(to_ms(point.ahead, facts.sample_rate_hz) if point.ahead else msgspec.UNSET),
    )


def transcribed_message(message: CallEnded, summary: CallSummary) -> CallTranscribed:
    """Return the message after which no transcript of the call follows."""
    return CallTranscribed(
        event_id=event_id(message.call_id, "transcribed"),
        call_id=message.call_id,
        captured_at_ns=message.captured_at_ns,
        at_ms=summary.duration_ms,
        summary=summary,
    )


def _written(
    hypothesis: Hypothesis, start_ms: int, style: WordStyle
) -> tuple[str, tuple[Word, ...]]:
    """Return text and words of a segment that begins at ``start_ms``."""
    heard = _styled(hypothesis.words, style, hypothesis.language)
    words = _on_call_clock(heard, start_ms)
    is_heard = heard == hypothesis.words
    return hypothesis.text if is_heard else _text_of(words, hypothesis.language), words


def _text_of(words: tuple[Word, ...], language: str) -> str:
    """Return words as a text; a word that goes on with a hyphen stands at the one before it.

    Languages without blanks have none, as those of the recognizer's own text.
    """
    if language in UNSPACED_LANGUAGES:
        return "".join(word.text for word in words)
    spaced = (f" {word.text}" if _begins_apart(word.text) else word.text for word in words)
    return "".join(spaced).strip()


def _begins_apart(text: str) -> bool:
    return not (text[:1] == "-" and text[1:2].isalnum())


def _styled(words: tuple[HeardWord, ...], style: WordStyle, language: str) -> tuple[HeardWord, ...]:
    return normalise(words) if style == "normalised" and language == "en" else words


def _settled(
    committed: tuple[HeardWord, ...], style: WordStyle, language: str
) -> tuple[HeardWord, ...]:
    """Return the committed words whose spelling later words cannot change.

    Normalisation joins no words across punctuation.
    """
    if style == "spoken" or language != "en":
        return committed
    closed = (n for n, word in enumerate(committed, start=1) if _ends_phrase(word))
    return committed[: max(closed, default=0)]


def _ends_phrase(word: HeardWord) -> bool:
    return word.text[-1:] in PUNCTUATION and bare_text(word) not in {"a.m", "p.m"}


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

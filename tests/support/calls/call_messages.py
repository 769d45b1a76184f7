"""Messages of a made-up call."""

from typing import Any

from schemas.audio import AudioChunk, CallStarted
from schemas.base import CallContext, Party
from schemas.classification import CallClassified, ScoredLabel, TaskAnswer
from schemas.transcripts import (
    CallSummary,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
    Word,
)
from schemas.turns import (
    CallMetrics,
    CallTurnsComplete,
    ChannelMetrics,
    FinalizedCall,
    FinalizedTurn,
    Interruption,
    TurnEnded,
    TurnEndPredicted,
    TurnRevised,
)

CALL = "call~r"
ORIGIN_NS = 1_700_000_000_000_000_000
PARTIES: tuple[Party, ...] = ("agent", "customer")


def at_ns(ms: float) -> int:
    """Return the wall clock ``ms`` after the call began."""
    return ORIGIN_NS + int(ms * 1_000_000)


def started(**fields: Any) -> CallStarted:
    """Return the start of the call."""
    defaults: dict[str, Any] = {
        "event_id": f"{CALL}/call_started",
        "call_id": CALL,
        "captured_at_ns": ORIGIN_NS,
        "parties": PARTIES,
        "encoding": "mulaw",
        "sample_rate_hz": 8000,
    }
    return CallStarted(**(defaults | fields))


def chunk(start_ms: int) -> AudioChunk:
    """Return 100 ms of the call."""
    return AudioChunk(
        event_id=f"{CALL}/audio_chunk/{start_ms // 100}",
        call_id=CALL,
        captured_at_ns=at_ns(start_ms + 100),
        seq=start_ms // 100,
        start_ms=start_ms,
        encoding="mulaw",
        sample_rate_hz=8000,
        payloads=(bytes(800), bytes(800)),
    )


def activity(channel: int, at_ms: int, *, is_speech: bool) -> SpeechActivity:
    """Return an edge of speech."""
    return SpeechActivity(
        event_id=f"{CALL}/activity/{channel}/{at_ms}",
        call_id=CALL,
        captured_at_ns=at_ns(at_ms),
        channel=channel,
        party=PARTIES[channel],
        lane_seq=0,
        kind="start" if is_speech else "end",
        is_speech=is_speech,
        at_ms=at_ms,
        silence_ms=0,
        since_ms=at_ms,
    )


def partial(channel: int, start_ms: int, text: str, **fields: Any) -> TranscriptPartial:
    """Return a partial of the segment that begins at ``start_ms``."""
    end_ms = start_ms + 300 * len(text.split())
    defaults: dict[str, Any] = {
        "event_id": f"{CALL}/partial/{channel}/{start_ms}/{end_ms}",
        "call_id": CALL,
        "captured_at_ns": at_ns(end_ms),
        "channel": channel,
        "party": PARTIES[channel],
        "segment_id": f"{CALL}/segment/{channel}/{start_ms}",
        "revision": end_ms - start_ms,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "text": text,
        "words": words(text, start_ms),
        "stable_words": 0,
        "stability": 0.5,
        "language": "en",
    }
    return TranscriptPartial(**(defaults | fields))


def words(text: str, start_ms: int) -> tuple[Word, ...]:
    """Return the words of ``text``, 300 ms each."""
    return tuple(
        Word(
            text=word,
            start_ms=start_ms + 300 * number,
            end_ms=start_ms + 300 * (number + 1),
            confidence=0.9,
        )
        for number, word in enumerate(text.split())
    )


def final(channel: int, start_ms: int, text: str, **fields: Any) -> TranscriptFinal:
    """Return the final of the segment that begins at ``start_ms``."""
    end_ms = start_ms + 300 * len(text.split())
    defaults: dict[str, Any] = {
        "event_id": f"{CALL}/final/{channel}/{start_ms}",
        "call_id": CALL,
        "captured_at_ns": at_ns(end_ms + 400),
        "channel": channel,
        "party": PARTIES[channel],
        "lane_seq": 1,
        "segment_id": f"{CALL}/segment/{channel}/{start_ms}",
        "revision": end_ms - start_ms,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "at_ms": end_ms + 400,
        "cut": "pause",
        "text": text,
        "words": words(text, start_ms),
        "confidence": 0.9,
        "language": "en",
        "model": "tiny 1",
    }
    return TranscriptFinal(**(defaults | fields))


def turn_ended(channel: int, start_ms: int, end_ms: int, **fields: Any) -> TurnEnded:
    """Return the end of a turn, decided 700 ms after its last sound."""
    defaults: dict[str, Any] = {
        "event_id": f"{CALL}/turn_ended/{channel}/{start_ms}",
        "call_id": CALL,
        "captured_at_ns": at_ns(end_ms + 700),
        "turn_id": f"{CALL}/turn/{channel}/{start_ms}",
        "channel": channel,
        "party": PARTIES[channel],
        "start_ms": start_ms,
        "end_ms": end_ms,
        "at_ms": end_ms + 700,
        "text": "text",
        "segment_ids": (),
        "words": 1,
        "speech": (),
        "reason": "silence",
    }
    return TurnEnded(**(defaults | fields))


def turn_revised(turn: TurnEnded, text: str, at_ms: int) -> TurnRevised:
    """Return the words of a turn as they were heard at a later time."""
    return TurnRevised(
        event_id=f"{turn.event_id}/revised/{at_ms}",
        call_id=turn.call_id,
        captured_at_ns=at_ns(at_ms),
        turn_id=turn.turn_id,
        channel=turn.channel,
        party=turn.party,
        at_ms=at_ms,
        text=text,
        words=len(text.split()),
    )


def interruption(at_ms: int) -> Interruption:
    """Return an interruption of the agent by the customer."""
    return Interruption(
        event_id=f"{CALL}/interruption/{at_ms}",
        call_id=CALL,
        captured_at_ns=at_ns(at_ms + 500),
        channel=1,
        party="customer",
        interrupted_channel=0,
        interrupted_turn_id=f"{CALL}/turn/0/0",
        at_ms=at_ms,
        decided_at_ms=at_ms + 500,
        overlap_ms=500,
        is_yielded=True,
    )


def turns_complete(turns: int, call_id: str = CALL) -> CallTurnsComplete:
    """Return the end of the turns of the call."""
    return CallTurnsComplete(
        event_id=f"{call_id}/call_turns_complete",
        call_id=call_id,
        captured_at_ns=at_ns(81_489),
        at_ms=81_489,
        turns=turns,
        summary=CallSummary(
            parties=PARTIES, duration_ms=81_489, end_reason="completed", context=CallContext()
        ),
    )


def finalized(turns: tuple[tuple[int, int, str], ...] = ()) -> FinalizedCall:
    """Return the finalized call with ``turns`` of (channel, start in ms, text)."""
    channels = tuple(
        ChannelMetrics(
            channel=channel,
            party=party,
            talk_ms=41_000,
            talk_share=0.5,
            turns=12,
            backchannels=1,
            words=120,
            words_per_minute=175.0,
            interruptions=1,
            response_delay_ms=620 if channel == 0 else -1,
        )
        for channel, party in enumerate(PARTIES)
    )
    metrics = CallMetrics(
        duration_ms=81_489,
        silence_ms=8_000,
        silence_share=0.1,
        overlap_ms=700,
        interruptions=2,
        hold_ms=3_000,
        holds=1,
        turns=24,
        words=240,
        gap_ms=100,
        channels=channels,
    )
    return FinalizedCall(
        event_id=f"{CALL}/finalized",
        call_id=CALL,
        captured_at_ns=at_ns(81_489),
        end_reason="completed",
        parties=PARTIES,
        turns=tuple(
            FinalizedTurn(
                turn_id=f"{CALL}/turn/{channel}/{start_ms}",
                channel=channel,
                party=PARTIES[channel],
                start_ms=start_ms,
                end_ms=start_ms + 1000,
                text=text,
                segment_ids=(),
            )
            for channel, start_ms, text in turns
        ),
        metrics=metrics,
        context=CallContext(),
    )


def predicted_end(at_ms: int, *, is_withdrawn: bool = False) -> TurnEndPredicted:
    return TurnEndPredicted(
        event_id="p",
        call_id=CALL,
        captured_at_ns=at_ns(at_ms),
        turn_id=turn_ended(0, 1000, 2000).turn_id,
        channel=0,
        party="agent",
        at_ms=at_ms,
        probability=0.9,
        is_withdrawn=is_withdrawn,
    )


def classified(**fields: Any) -> CallClassified:
    """Return what the call was classified as: one label of the model and one that a rule raised."""
    answers = (
        TaskAnswer(task="main_category", labels=(ScoredLabel(label="Cards", confidence=0.97),)),
        TaskAnswer(
            task="priority",
            labels=(ScoredLabel(label="High", confidence=0.2),),
            raised_by="card_stolen",
        ),
    )
    defaults: dict[str, Any] = {
        "event_id": f"{CALL}/classify/contact-centre-1/tiny@0a1b2c3d",
        "call_id": CALL,
        "captured_at_ns": at_ns(81_489),
        "label_set": "contact-centre-1",
        "model": "tiny@0a1b2c3d",
        "answers": answers,
    }
    return CallClassified(**(defaults | fields))

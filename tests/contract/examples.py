"""One message of every type with every field set, as the golden files hold them.

``python -m tests.contract.examples`` writes the golden file of an example that has none; those that
exist never change.
"""

import sys
from pathlib import Path

import msgspec

from schemas.audio import AudioMessage
from schemas.catalogue import encode
from schemas.classification import CallClassified, LabelCorrected, ScoredLabel, TaskAnswer
from schemas.export import schema_name
from schemas.insights import (
    CallInsights,
    CallOutline,
    ChurnRisk,
    Finding,
    QualityScore,
    Recommendation,
    Satisfaction,
    ScorecardAnswer,
)
from schemas.operations import Alert, Checkpoint
from schemas.transcripts import (
    CallSummary,
    CallTranscribed,
    ChannelHealth,
    DtmfKey,
    Hold,
    RevisedSegment,
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
    SpeechSpan,
    TurnEnded,
    TurnEndPredicted,
    TurnRevised,
    TurnStarted,
)
from tests.contract.audio_examples import AUDIO_EXAMPLES, CALL_ID, CAPTURED_AT_NS, CONTEXT

GOLDEN = Path(__file__).parent / "golden"
TURN_ID = f"{CALL_ID}/turn/1/9000"

SPREAD_CONTEXT = msgspec.structs.replace(CONTEXT, hot_words=())

HEALTH = ChannelHealth(
    level_dbfs=-46.5,
    noise_dbfs=-88.5,
    peak=0.9803,
    clipped_share=0.00125,
    dc_offset=-0.01101,
    silent_share=0.25,
    faults=("quiet", "clipped", "offset"),
)
SUMMARY = CallSummary(
    parties=("agent", "customer"),
    duration_ms=65_000,
    end_reason="transferred",
    context=CONTEXT,
    holds=(Hold(start_ms=20_000, end_ms=31_000),),
    dtmf=(DtmfKey(channel=1, at_ms=12_345, digit="#"),),
    gaps=1,
    gap_ms=240,
    lane_seqs=(310, 298),
    models={"asr": "base.en@1", "vad": "silero@5"},
    unserved_language="gsw",
    health=(HEALTH, HEALTH),
    clock_ahead_ms=1_250,
    crosstalk_ms=(0, 1_280),
)
WORDS = (
    Word(text="grüß", start_ms=1_050, end_ms=1_300, confidence=0.91),
    Word(text="Gott", start_ms=1_300, end_ms=1_700, confidence=0.875),
)

JSON_EXAMPLES: tuple[msgspec.Struct, ...] = (
    SpeechActivity(
        event_id=f"{CALL_ID}/activity/1/17",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        channel=1,
        party="customer",
        lane_seq=17,
        kind="end",
        is_speech=False,
        at_ms=1_828,
        silence_ms=128,
        since_ms=1_700,
    ),
    TranscriptPartial(
        event_id=f"{CALL_ID}/partial/1/1000/700",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        channel=1,
        party="customer",
        segment_id=f"{CALL_ID}/segment/1/1000",
        revision=700,
        start_ms=1_000,
        end_ms=1_700,
        text="grüß Gott",
        words=WORDS,
        stable_words=1,
        stability=0.5,
        language="de",
        domain="telecom",
    ),
    TranscriptFinal(
        event_id=f"{CALL_ID}/final/1/1000",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        channel=1,
        party="customer",
        lane_seq=21,
        segment_id=f"{CALL_ID}/segment/1/1000",
        revision=892,
        start_ms=1_000,
        end_ms=1_700,
        at_ms=2_100,
        cut="pause",
        text="grüß Gott",
        words=WORDS,
        confidence=0.8925,
        language="de",
        model="base@1",
        rejected="repetition",
        stability=0.75,
        domain="telecom",
        revised=(
            RevisedSegment(
                segment_id=f"{CALL_ID}/segment/1/200", start_ms=200, text="ja", words=WORDS[:1]
            ),
        ),
        context=SPREAD_CONTEXT,
    ),
    CallTranscribed(
        event_id=f"{CALL_ID}/transcribed",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        at_ms=65_000,
        summary=SUMMARY,
    ),
    TurnStarted(
        event_id=f"{CALL_ID}/turn_started/1/1000",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        turn_id=f"{CALL_ID}/turn/1/1000",
        channel=1,
        party="customer",
        start_ms=1_000,
        at_ms=2_100,
    ),
    TurnEndPredicted(
        event_id=f"{CALL_ID}/turn_end_predicted/1/1700",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        turn_id=f"{CALL_ID}/turn/1/1000",
        channel=1,
        party="customer",
        at_ms=1_700,
        probability=0.8125,
        is_withdrawn=True,
    ),
    TurnEnded(
        event_id=f"{CALL_ID}/turn_ended/1/1000",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        turn_id=f"{CALL_ID}/turn/1/1000",
        channel=1,
        party="customer",
        start_ms=1_000,
        end_ms=1_700,
        at_ms=2_400,
        text="grüß Gott",
        segment_ids=(f"{CALL_ID}/segment/1/1000",),
        words=2,
        speech=(SpeechSpan(start_ms=1_000, end_ms=1_300), SpeechSpan(start_ms=1_550, end_ms=1_700)),
        reason="silence",
        probability=0.9375,
        is_backchannel=True,
        context=SPREAD_CONTEXT,
    ),
    TurnRevised(
        event_id=f"{CALL_ID}/turn_revised/1/1000/3000",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        turn_id=f"{CALL_ID}/turn/1/1000",
        channel=1,
        party="customer",
        at_ms=4_000,
        text="grüß Gott",
        words=2,
    ),
    Interruption(
        event_id=f"{CALL_ID}/interruption/1/1000/0",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        channel=1,
        party="customer",
        interrupted_channel=0,
        interrupted_turn_id=f"{CALL_ID}/turn/0/200",
        at_ms=1_000,
        decided_at_ms=2_100,
        overlap_ms=640,
        is_yielded=True,
    ),
    CallTurnsComplete(
        event_id=f"{CALL_ID}/call_turns_complete",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        at_ms=65_000,
        turns=1,
        summary=SUMMARY,
    ),
    FinalizedCall(
        event_id=f"{CALL_ID}/finalized",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        end_reason="transferred",
        parties=("agent", "customer"),
        turns=(
            FinalizedTurn(
                turn_id=f"{CALL_ID}/turn/1/1000",
                channel=1,
                party="customer",
                start_ms=1_000,
                end_ms=1_700,
                text="grüß Gott",
                segment_ids=(f"{CALL_ID}/segment/1/1000",),
                is_backchannel=True,
            ),
        ),
        metrics=CallMetrics(
            duration_ms=65_000,
            silence_ms=53_300,
            silence_share=0.987,
            overlap_ms=640,
            interruptions=1,
            hold_ms=11_000,
            holds=1,
            turns=1,
            words=2,
            gap_ms=240,
            channels=(
                ChannelMetrics(
                    channel=1,
                    party="customer",
                    talk_ms=700,
                    talk_share=1.0,
                    turns=1,
                    backchannels=0,
                    words=2,
                    words_per_minute=171.4,
                    interruptions=1,
                    response_delay_ms=-1,
                    health=HEALTH,
                    crosstalk_ms=1_280,
                ),
            ),
            clock_ahead_ms=1_250,
        ),
        context=CONTEXT,
        models={"asr": "base.en@1"},
        is_abridged=True,
        unserved_language="gsw",
    ),
    Checkpoint(
        agent="detect_turns",
        call_id=CALL_ID,
        position=(12, 3),
        is_closed=True,
        state={"next_seqs": {"0": 3}, "open": [1, 2.5, None, "x"]},
        written_at_ns=CAPTURED_AT_NS,
    ),
    CallClassified(
        event_id=f"{CALL_ID}/classify/helpline-1/minilm@0a1b2c3d",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        label_set="helpline-1",
        model="minilm@0a1b2c3d",
        answers=(
            TaskAnswer(
                task="priority",
                labels=(ScoredLabel(label="High", confidence=0.75),),
                evidence=(TURN_ID,),
                raised_by="in_danger_now",
            ),
        ),
        abstained="uncertain",
        is_provisional=True,
        is_shadow=True,
        at_turn=8,
        windows=3,
        second_opinion="Bullying",
    ),
    CallInsights(
        event_id=f"{CALL_ID}/insights/contact-centre-1/smollm2@0a1b2c3d",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        guide="contact-centre-1",
        model="smollm2@0a1b2c3d",
        abstained="failed",
        quality=QualityScore(score=70, effectiveness="good", evidence=(TURN_ID,), confidence=0.5),
        csat=Satisfaction(score=60, evidence=(TURN_ID,), confidence=0.5),
        primary_category=Finding(value="Billing", evidence=(TURN_ID,), confidence=0.75),
        churn_risk=ChurnRisk(score=80, band="high", evidence=(TURN_ID,), confidence=0.75),
        journey_type=Finding(value="complaint", evidence=(TURN_ID,), confidence=0.625),
        coaching=(
            Recommendation(
                fault="interrupts",
                text="Let the customer finish before you answer.",
                evidence=(TURN_ID,),
                confidence=0.875,
            ),
        ),
        summary=CallOutline(
            issue=Finding(value="Billing", evidence=(TURN_ID,), confidence=0.75),
            action=Finding(value="refunded", evidence=(TURN_ID,), confidence=0.75),
            outcome=Finding(value="resolved", evidence=(TURN_ID,), confidence=0.75),
            text="The agent gave money back or a credit.",
        ),
        scorecard=(
            ScorecardAnswer(
                question="greeting", answer="yes", evidence=(TURN_ID,), confidence=0.9375
            ),
        ),
        is_provisional=True,
        is_shadow=True,
        at_turn=8,
        turns_left_out=4,
    ),
    LabelCorrected(
        event_id=f"{CALL_ID}/corrected/sub_category/1",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        label_set="helpline",
        task="sub_category",
        labels=("Bullying",),
        corrected=("Information",),
        model="minilm@0a1b2c3d",
        evidence=(TURN_ID,),
        corrected_by="supervisor-3",
        note="The caller speaks of a classmate.",
    ),
    Alert(
        event_id=f"{CALL_ID}/alert/audio_after_end",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        kind="audio_after_end",
        severity="warning",
        source="transcribe",
        details={"chunks": "3"},
    ),
)


def golden_path(message: msgspec.Struct) -> Path:
    """Return where the bytes of a message's version are kept."""
    suffix = "msgpack" if isinstance(message, AudioMessage) else "json"
    return GOLDEN / f"{schema_name(type(message))}.{suffix}"


def example_id(message: msgspec.Struct) -> str:
    """Return the name under which a test shows a message."""
    return schema_name(type(message))


def write_missing() -> list[Path]:
    """Return the golden files that are written: those of new types."""
    missing = {golden_path(each): each for each in (*AUDIO_EXAMPLES, *JSON_EXAMPLES)}
    written = [path for path in missing if not path.exists()]
    for path in written:
        path.write_bytes(encode(missing[path]))
    return written


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in write_missing())

"""One message of every type of the audio topic, every field set; values that examples share."""

from schemas.audio import (
    AudioChunk,
    AudioMessage,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStalled,
    CallStarted,
    DtmfPressed,
)
from schemas.base import CallContext

CALL_ID = "call-7~run-1"
CAPTURED_AT_NS = 1_764_000_000_123_456_789

CONTEXT = CallContext(
    started_at_ns=1_764_000_000_000_000_000,
    direction="inbound",
    agent_id="agent-12",
    customer_id="customer-34",
    queue="billing",
    queue_wait_ms=42_000,
    domain="telecom",
    language="de",
    hot_words=("Müller", "Ω-Tarif"),
    attributes={"trunk": "sip-3"},
)

AUDIO_EXAMPLES: tuple[AudioMessage, ...] = (
    CallStarted(
        event_id=f"{CALL_ID}/started",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        parties=("agent", "customer"),
        encoding="mulaw",
        sample_rate_hz=8_000,
        context=CONTEXT,
    ),
    AudioChunk(
        event_id=f"{CALL_ID}/chunk/3",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        seq=3,
        start_ms=60,
        encoding="mulaw",
        sample_rate_hz=8_000,
        payloads=(bytes(range(160)), b""),
    ),
    CallHeld(
        event_id=f"{CALL_ID}/held/20000",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        at_ms=20_000,
    ),
    CallResumed(
        event_id=f"{CALL_ID}/resumed/31000",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        at_ms=31_000,
    ),
    DtmfPressed(
        event_id=f"{CALL_ID}/dtmf/1/12345",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        at_ms=12_345,
        channel=1,
        digit="#",
    ),
    CallStalled(
        event_id=f"{CALL_ID}/stalled/900",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        after_seq=900,
    ),
    CallEnded(
        event_id=f"{CALL_ID}/ended",
        call_id=CALL_ID,
        captured_at_ns=CAPTURED_AT_NS,
        reason="stale",
        after_seq=900,
    ),
)

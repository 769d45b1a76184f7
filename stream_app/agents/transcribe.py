"""The agent `transcribe`: audio in, transcripts out."""

import time
from collections.abc import Iterable
from itertools import chain

from models.asr.engine import load_engine
from models.asr.partials.policies import choose_policy
from models.vad.front_end import Detectors, score_ahead
from schemas.audio import AudioMessage, AudioTopicMessage, CallEnded, CallStalled
from schemas.catalogue import AUDIO, spec_of
from stream_app.agents.definition import AgentDefinition, SilenceStage, StallPolicy, Stepwise
from stream_app.agents.limits import AUDIO_MS, Limits
from stream_app.agents.partial_pace import PartialPace
from stream_app.calls.ended_call import is_lost_audio
from stream_app.calls.identifiers import event_id
from stream_app.calls.transcribe.recognition import Recognizer, failed_recognition
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from stream_app.calls.transcribe.transcriber_state import AGENT, TranscriberConfig
from stream_app.settings import Settings, StallSettings

POST_ROLL_MS = 192
ACTIVITY_MARGIN_MS = 500
CUT_WINDOW_MS = 2_000


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the weights."""
    asr = settings.asr
    engine = load_engine(
        asr.model,
        backend=asr.backend,
        precision=asr.precision,
        device=asr.device,
        threads=asr.threads,
        models_folder=asr.models_folder,
    )
    config = TranscriberConfig(
        front_end=Detectors().front_end,
        segments=segment_config(settings, engine.max_segment_ms),
        partial_interval_ms=asr.partial_interval_ms,
        model=engine.name,
        policy=choose_policy(asr.policy, asr.policy_guard_ms, calibrated=engine.policy),
        numbers=asr.numbers,
        is_deterministic=asr.deterministic,
        languages=engine.languages,
        withholds_words=asr.unserved_language == "withhold",
    )

    return AgentDefinition(
        name=AGENT,
        input_topic=AUDIO,
        decode=spec_of(AUDIO).decode,
        create=lambda call_id: CallTranscriber(call_id, config),
        restore=lambda checkpoint: CallTranscriber.restore(checkpoint, config),
        infer=Stepwise(Recognizer(engine, asr.beam_size).run),
        fail=lambda request, _: failed_recognition(request, engine.name),
        has_model_in_feed=True,
        prepare=_score_ahead,
        max_batch=asr.max_batch,
        limits=Limits(
            max_cost=int(settings.overload.max_pending_final_audio_s * 1000),
            unit=AUDIO_MS,
            max_inputs=None,
        ),
        pace=None if asr.deterministic else PartialPace(asr.partial_interval_ms),
        stalls=_stall_policy(settings.stalls),
        refuses_late=is_lost_audio,
    )


def _score_ahead(feeds: Iterable[tuple[CallTranscriber, AudioTopicMessage]]) -> float:
    """Run the voice activity detection of many calls at once, before each is fed."""
    upcoming = chain.from_iterable(call.upcoming_audio(message) for call, message in feeds)
    return score_ahead(upcoming, time.thread_time)


def segment_config(settings: Settings, max_segment_ms: int = 0) -> SegmentConfig:
    """Return how channels are cut; activity is reported for longer than any turn stays open.

    Args:
        settings: Of the worker.
        max_segment_ms: Longest segment that the weights decode well; 0 if they do not say.
    """
    segments = settings.segments
    shortest_ms = segments.pause_ms + CUT_WINDOW_MS
    limit_ms = max(max_segment_ms or segments.max_segment_ms, shortest_ms)
    return SegmentConfig(
        pause_ms=segments.pause_ms,
        max_segment_ms=min(segments.max_segment_ms, limit_ms),
        cut_window_ms=CUT_WINDOW_MS,
        passage_ms=min(segments.passage_ms, max_segment_ms or segments.passage_ms),
        passage_reach_ms=segments.passage_reach_ms,
        pre_roll_ms=segments.pre_roll_ms,
        post_roll_ms=min(POST_ROLL_MS, segments.pause_ms - segments.pre_roll_ms),
        activity_tail_ms=settings.turns.ceiling_ms + ACTIVITY_MARGIN_MS,
    )


def _stall_policy(stalls: StallSettings) -> StallPolicy:
    return StallPolicy(
        stall_after_s=stalls.stall_after_s,
        stale_after_s=stalls.stale_after_s,
        stale_on_hold_after_s=stalls.stale_on_hold_after_s,
        marker=stall_marker,
    )


def stall_marker(call: CallTranscriber, stage: SilenceStage) -> AudioMessage | None:
    """Return the marker that closes the segments, or the call, after its last chunk.

    None where they are closed: every marker is a checkpoint, whose time says when the call was
    last heard of should it have to be restored.
    """
    if stage == "stall" and call.is_stalled:
        return None
    marker_id = event_id(call.call_id, stage, call.last_seq)
    if stage == "stale":
        return CallEnded(
            event_id=marker_id,
            call_id=call.call_id,
            captured_at_ns=time.time_ns(),
            reason="stale",
            after_seq=call.last_seq,
        )
    return CallStalled(
        event_id=marker_id,
        call_id=call.call_id,
        captured_at_ns=time.time_ns(),
        after_seq=call.last_seq,
    )

"""A turn whose words are complete ends by its silence, wherever segments were cut."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from models.vad.front_end import WARM_UP_FRAMES, Frame
from models.vad.silero import FRAME_MS
from schemas.transcripts import TranscriptTopicMessage
from stream_app.calls.transcribe.segmenter import (
    Activity,
    NewOrigin,
    Segment,
    SegmentConfig,
    SegmenterEvent,
    SegmenterPoint,
)
from stream_app.calls.transcribe.segmenter.segmenter import Segmenter
from tests.support.calls.turn_judges import one
from tests.support.calls.turn_lanes import AGENT, activity, final, number, transcribed
from tests.support.calls.turn_runs import ended, run
from tests.support.examples import examples

CONFIG = SegmentConfig(max_segment_ms=3_000, cut_window_ms=1_000, rebuild_silence_ms=2_000)
FRAME_SAMPLES = 256
CLOSING_SILENCE_FRAMES = 160
LONGEST_DELAY_MS = 700  # the silence asked for, or the pause that ends a segment, and a tick


def hear(
    probabilities: Sequence[float], levels: Sequence[float], doubts: Sequence[float]
) -> list[SegmenterEvent]:
    """Return what the segmenter says of frames that it may hear otherwise the second time.

    Args:
        probabilities: Of speech, for each frame of 32 ms.
        levels: Amplitude of each frame.
        doubts: Added to the probability of frames that are heard after a rebuild, one after
            another: the detector has another state then.
    """
    segmenter = Segmenter(CONFIG, SegmenterPoint())
    pre_roll = np.zeros(WARM_UP_FRAMES * FRAME_SAMPLES, dtype=np.float32)
    events: list[SegmenterEvent] = []
    origin, frame, rebuilds = 0, 0, 0
    while frame < len(probabilities):
        doubt = doubts[(rebuilds + frame) % len(doubts)] if rebuilds else 0.0
        samples = np.full(FRAME_SAMPLES, levels[frame], dtype=np.float32)
        new = segmenter.feed(Frame(frame - origin, samples, probabilities[frame] + doubt), pre_roll)
        events.extend(new)
        frame += 1
        if new and isinstance(new[-1], NewOrigin):
            frame = origin = new[-1].point.origin_ms // FRAME_MS
            rebuilds += 1
    closing, _ = segmenter.close("end", at_ms=frame * FRAME_MS, origin_ms=frame * FRAME_MS)
    return [*events, *closing]


def transcripts(events: Sequence[SegmenterEvent]) -> list[TranscriptTopicMessage]:
    """Return the lane of a channel whose every segment has complete words."""
    messages = [
        activity(AGENT, event.kind, event.at_ms, event.since_ms, is_speech=event.is_speech)
        if isinstance(event, Activity)
        else final(AGENT, event.start_ms, event.end_ms, event.at_ms, "that is all", cut=event.cut)
        for event in events
        if isinstance(event, Activity | Segment)
    ]
    return [*number(messages), transcribed(max((m.at_ms for m in messages), default=0))]


@st.composite
def stretches(draw: st.DrawFn) -> tuple[list[float], list[float], list[float]]:
    """Return probabilities, levels and doubts of speech with pauses, silent at its end."""
    spans = draw(
        st.lists(st.tuples(st.integers(3, 95), st.integers(1, 20)), min_size=1, max_size=5)
    )
    speech, unsure, silence = st.sampled_from((0.9, 0.9, 0.4)), st.just(0.4), st.just(0.05)
    frames: list[float] = []
    ends: list[int] = []
    for spoken, silent in spans:
        frames.extend(draw(speech) for _ in range(spoken))
        ends.append(len(frames))
        frames.extend(draw(st.one_of(unsure, silence)) for _ in range(min(silent, 3)))
        frames.extend(0.05 for _ in range(silent - 3))
    frames.extend(0.05 for _ in range(CLOSING_SILENCE_FRAMES))
    seed = draw(st.integers(0, 2**16))
    levels = np.random.default_rng(seed).uniform(0.001, 0.2, len(frames)).tolist()
    for back in draw(st.lists(st.integers(1, 12), max_size=len(ends))):
        levels[max(0, draw(st.sampled_from(ends)) - back)] = 0.0
    doubts = draw(st.lists(st.sampled_from((0.0, -0.1, -0.3)), min_size=1, max_size=7))
    return frames, levels, doubts


def late_turns(heard: tuple[Sequence[float], Sequence[float], Sequence[float]]) -> list[str]:
    """Return the turns that waited for longer than their silence asks for."""
    events = hear(*heard)
    turns = ended(run(transcripts(events), router=one(otherwise=0.95)))
    return [
        f"{turn.reason} {turn.at_ms - turn.end_ms} ms after {turn.end_ms}"
        for turn in turns
        if turn.reason == "ceiling" or turn.at_ms - turn.end_ms > LONGEST_DELAY_MS
    ]


def limit_in_the_pause() -> tuple[list[float], list[float], list[float]]:
    """Return speech whose segment reaches its limit within the pause behind it."""
    speech = CONFIG.max_segment_ms // FRAME_MS - 9
    frames = [0.9] * (speech - 1) + [0.4] + [0.05] * CLOSING_SILENCE_FRAMES
    levels = [0.2] * len(frames)
    levels[speech - 2] = 0.0  # the quietest frame is right before the last one that counted
    return frames, levels, [-0.1]


@examples(120)
@given(stretches())
@example(limit_in_the_pause())
def test_a_complete_turn_never_waits_for_the_ceiling(
    heard: tuple[list[float], list[float], list[float]],
) -> None:
    assert late_turns(heard) == []


@examples(100)
@given(stretches())
def test_all_speech_that_was_told_stands_in_a_segment(
    heard: tuple[list[float], list[float], list[float]],
) -> None:
    """Speech between two edges has a final, so that no turn waits for one."""
    events = hear(*heard)
    reach = [event.at_ms for event in events if isinstance(event, Segment)]
    ends = [e.since_ms for e in events if isinstance(e, Activity) and e.kind == "end"]

    assert max(chain([0], reach)) >= max(chain([0], ends))

"""The lane of a call: in the order of the audio clock, numbered, finals in their turn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.partials.agreement import PartialHypothesis
from schemas.transcripts import SpeechActivity, TranscriptFinal, TranscriptPartial
from stream_app.calls.effects import Commit, Effect, Emit
from stream_app.calls.transcribe.lane.transcript_lane import ChannelResume, TranscriptLane
from stream_app.calls.transcribe.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.segmenter import (
    Activity,
    NewOrigin,
    Segment,
    SegmenterEvent,
    SegmenterPoint,
)
from stream_app.calls.transcribe.segmenter.capture_times import CaptureTimes

SAMPLES = np.zeros(16_000, dtype=np.float32)
COMMIT = Commit((0,))
WORD = Word(text="hello", start_ms=0, end_ms=300, confidence=0.5)


def tick(at_ms: int) -> Activity:
    return Activity("tick", at_ms, is_speech=True, silence_ms=0, since_ms=0)


def segment(start_ms: int) -> Segment:
    return Segment(start_ms, start_ms + 900, start_ms + 1_000, "pause", SAMPLES)


def result(
    channel: int, start_ms: int, *, is_final: bool = True, is_exact: bool = True
) -> RecognitionResult:
    request = RecognitionRequest(
        call_id="c",
        channel=channel,
        segment_id=f"c/segment/{channel}/{start_ms}",
        samples=SAMPLES,
        start_ms=start_ms,
        captured_at_ns=1,
        language="en",
        hot_words=(),
        is_final=is_final,
        is_exact=is_exact,
    )
    hypothesis = Hypothesis(duration_ms=1_000, language="en")
    return RecognitionResult(request=request, hypothesis=hypothesis, rejected="", model="m")


class Bench:
    """A lane of two channels."""

    def __init__(self, resumes: Sequence[ChannelResume] = ()) -> None:
        self.lane = TranscriptLane("c", "spoken", CaptureTimes(), resumes)
        self.points = self.lane.open(2)

    def add(self, channel: int, *events: SegmenterEvent) -> None:
        """Add events of a channel."""
        self.lane.add(channel, events, (), "agent")

    def released(self, heard_ms: int | None = None) -> list[tuple[str, int, int]]:
        """Return kind, channel and number of the messages that leave now."""
        self.lane.advance(heard_ms)
        return [described(effect) for effect in self.lane.release()]


def described(effect: Effect) -> tuple[str, int, int]:
    if not isinstance(effect, Emit):
        return ("commit", -1, -1)
    message = effect.message
    assert isinstance(message, SpeechActivity | TranscriptFinal)
    kind = "final" if isinstance(message, TranscriptFinal) else f"at {message.at_ms}"
    return (kind, message.channel, message.lane_seq)


def test_channels_are_merged_by_the_audio_clock_then_by_their_number() -> None:
    bench = Bench()
    bench.add(1, tick(100), tick(300))
    bench.add(0, tick(200), tick(300))

    assert bench.released(300) == [
        ("at 100", 1, 0),
        ("at 200", 0, 0),
        ("at 300", 0, 1),
        ("at 300", 1, 1),
    ]


def test_an_event_waits_until_every_channel_was_heard_up_to_it() -> None:
    bench = Bench()
    bench.add(0, tick(100), tick(200))

    assert bench.released(150) == [("at 100", 0, 0)]
    bench.add(1, tick(160))
    assert bench.released(200) == [("at 160", 1, 0), ("at 200", 0, 1)]


def test_a_closed_call_releases_all_of_its_events() -> None:
    bench = Bench()
    bench.add(0, tick(500))

    assert bench.released() == [("at 500", 0, 0)]


@pytest.mark.parametrize("is_early", [False, True])
def test_a_final_holds_back_what_follows_until_its_result_is_there(*, is_early: bool) -> None:
    """Its number is that of its turn, even if the result was there before."""
    bench = Bench()
    bench.add(0, segment(0), tick(1_100))
    if is_early:
        bench.lane.fill_final(result(0, 0))
    else:
        assert bench.released(1_100) == []
        assert not bench.lane.is_empty
        bench.lane.fill_final(result(0, 0))

    assert bench.released(1_100) == [("final", 0, 0), ("at 1100", 0, 1)]
    assert bench.lane.is_empty


def test_a_commit_stands_behind_the_messages_of_its_inputs() -> None:
    bench = Bench()
    bench.add(0, segment(0))
    bench.lane.advance(1_000)
    bench.lane.push(COMMIT)

    assert bench.lane.release() == []
    bench.lane.fill_final(result(0, 0))
    assert [described(effect)[0] for effect in bench.lane.release()] == ["final", "commit"]


def test_a_new_origin_counts_once_the_messages_before_it_are_queued() -> None:
    bench = Bench()
    point = SegmenterPoint(origin_ms=400)
    bench.add(0, tick(100), tick(300), NewOrigin(400, point))

    bench.lane.advance(399)
    assert bench.lane.resumes[0] == ChannelResume()
    bench.lane.advance(400)
    assert bench.lane.resumes == (ChannelResume(point=point, lane_seq=2), ChannelResume())


def test_a_channel_goes_on_from_its_point_and_number() -> None:
    point = SegmenterPoint(origin_ms=400)
    bench = Bench([ChannelResume(point=point, lane_seq=7)])
    bench.add(0, tick(500))

    assert bench.points == [point, SegmenterPoint()]
    assert bench.released(500) == [("at 500", 0, 7)]


def test_another_layout_moves_all_channels_and_keeps_their_numbers() -> None:
    bench = Bench([ChannelResume(point=SegmenterPoint(origin_ms=400), lane_seq=7)])

    assert bench.lane.move_to(1_000, 3)

    assert [resume.lane_seq for resume in bench.lane.resumes] == [7, 0, 0]
    assert {resume.point.origin_ms for resume in bench.lane.resumes} == {1_000}
    assert not TranscriptLane("c", "spoken", CaptureTimes(), ()).move_to(1_000, 2)


def test_a_partial_leaves_at_once_and_only_with_words() -> None:
    """It is volatile: nothing waits for it, and it waits for nothing."""
    bench = Bench()
    bench.add(0, segment(0))
    bench.lane.advance(1_000)
    asked = result(0, 0, is_final=False, is_exact=False)

    assert bench.lane.fill_partial(asked, PartialHypothesis()) == []
    (emit,) = bench.lane.fill_partial(asked, PartialHypothesis(tentative=(WORD,)))
    assert isinstance(emit, Emit)
    assert isinstance(emit.message, TranscriptPartial)
    assert emit.is_volatile


@pytest.mark.parametrize("words", [(WORD,), ()])
def test_a_partial_of_a_deterministic_lane_leaves_in_its_turn(words: tuple[Word, ...]) -> None:
    """Without words it leaves nothing, and holds back no more."""
    bench = Bench()
    asked = result(0, 0, is_final=False)
    bench.lane.add(0, [tick(1_000)], [asked.request], "agent")
    bench.add(0, tick(1_100))

    assert bench.released(1_100) == [("at 1000", 0, 0)]
    *partials, last = bench.lane.fill_partial(asked, PartialHypothesis(tentative=words))
    assert described(last) == ("at 1100", 0, 1)
    assert len(partials) == len(words)


@pytest.mark.parametrize(
    ("language", "words", "text"),
    [
        ("en", ["half", "-baked,", "21", "-year", "-old"], "half-baked, 21-year-old"),
        ("en", ["well", "-", "no"], "well - no"),
        ("zh", ["早", "上", "好", "我"], "早上好我"),
    ],
)
def test_partials_have_no_blanks_that_nobody_wrote(
    language: str, words: list[str], text: str
) -> None:
    heard = tuple(Word(text=word, start_ms=0, end_ms=300, confidence=0.5) for word in words)
    spoken = result(0, 1_000, is_final=False, is_exact=False)
    hypothesis = Hypothesis(duration_ms=1_000, language=language)
    partial = PartialHypothesis(committed=heard)

    (effect,) = Bench().lane.fill_partial(replace(spoken, hypothesis=hypothesis), partial)

    assert isinstance(effect, Emit)
    assert isinstance(effect.message, TranscriptPartial)
    assert effect.message.text == text
    assert [word.text for word in effect.message.words] == words

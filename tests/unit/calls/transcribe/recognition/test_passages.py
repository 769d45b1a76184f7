"""A segment is decoded with its passage, whose earlier segments get the words heard then."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.requests import SpeechRequest
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.vad.front_end import WARM_UP_MS
from stream_app.calls.effects import Commit, Infer
from stream_app.calls.transcribe.recognition import (
    RecognitionRequest,
    RecognitionResult,
    recognize,
)
from stream_app.calls.transcribe.recognition.passages import LATE_MS, divided
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.segmenter.segments import Span, passage_before
from tests.support.calls.recorded_calls import (
    RATE_HZ,
    SHORT_SEGMENTS,
    chunk,
    demo_audio,
    fingerprint,
    recorded_call,
    transcriber,
)

CONFIG = SegmentConfig(passage_ms=6_000, passage_reach_ms=10_000)


class Engine:
    """Hears a word in the middle of each second, numbered from the first sample on.

    Args:
        looping_s: Of audio so long it hears one word again and again.
    """

    name = "test-1"

    def __init__(self, looping_s: int = -1) -> None:
        self._looping_s = looping_s

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return the words of each request."""
        return [self._hear(len(request.samples) // SAMPLE_RATE_HZ) for request in requests]

    def _hear(self, seconds: int) -> Hypothesis:
        texts = [f"w{n}" for n in range(seconds)]
        if seconds == self._looping_s:
            texts = ["no"] * 20
        step_ms = 1000 * seconds // len(texts)
        words = tuple(
            Word(
                text=text,
                start_ms=n * step_ms + step_ms * 3 // 10,
                end_ms=n * step_ms + step_ms * 7 // 10,
                confidence=0.9,
            )
            for n, text in enumerate(texts)
        )
        return Hypothesis(text=" ".join(texts), words=words, duration_ms=1000 * seconds)


def noise(seconds: int) -> FloatArray:
    samples = np.random.default_rng(seconds).normal(0, 0.1, seconds * SAMPLE_RATE_HZ)
    return samples.astype(np.float32)


def tone(seconds: int) -> FloatArray:
    times = np.arange(seconds * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


def request(samples: FloatArray, *earlier: FloatArray) -> RecognitionRequest:
    """Return the request of a segment at 50 s, before it segments 3 s apart."""
    durations_ms = [len(part) * 1000 // SAMPLE_RATE_HZ for part in earlier]
    starts_ms = [50_000 - 5_000 * (len(earlier) - n) for n in range(len(earlier))]
    return RecognitionRequest(
        call_id="c",
        channel=0,
        segment_id="c/0",
        samples=samples,
        passage=tuple(
            Span(start_ms, start_ms + duration_ms)
            for start_ms, duration_ms in zip(starts_ms, durations_ms, strict=True)
        ),
        context=np.concatenate([*earlier, noise(0)]),
        start_ms=50_000,
        captured_at_ns=1,
        language="en",
        hot_words=(),
        is_final=True,
    )


def recognized(asked: RecognitionRequest, engine: Engine | None = None) -> RecognitionResult:
    (result,) = recognize([asked], engine or Engine())  # type: ignore[arg-type]
    return result


def revisions(result: RecognitionResult) -> dict[int, str]:
    """Return the text of each revised segment by its start."""
    return {one.span.start_ms: one.hypothesis.text for one in result.revised}


def finals(chunk_ms: int, segments: SegmentConfig) -> Iterator[RecognitionRequest]:
    """Yield the requests of the finals of a stretch of the demo call."""
    call = transcriber("c", segments=segments)
    for offset, message in enumerate(recorded_call("c", 25_000, 45_000, chunk_ms=chunk_ms)):
        for effect in call.feed(message, offset):
            asked = effect.request if isinstance(effect, Infer) else None
            if isinstance(asked, RecognitionRequest) and asked.is_final:
                yield asked


@pytest.mark.parametrize(
    ("passage", "is_continued"),
    [
        ([Span(12_000, 14_000), Span(15_000, 17_000)], True),
        ([Span(12_000, 14_500), Span(15_000, 17_000)], False),
        ([Span(11_900, 13_000), Span(15_000, 17_000)], False),
        ([], False),
        ([Span(13_000 + n, 13_001 + n) for n in range(31)], True),
        ([Span(13_000 + n, 13_001 + n) for n in range(32)], False),
    ],
    ids=["fits", "too long together", "began too early", "none", "many", "too many"],
)
def test_a_passage_is_bounded_in_length_time_and_segments(
    passage: list[Span], *, is_continued: bool
) -> None:
    found = passage_before(Span(20_000, 22_000), tuple(passage), CONFIG)

    assert found == (tuple(passage) if is_continued else ())


def test_each_segment_of_a_passage_gets_its_own_words_on_its_own_clock() -> None:
    result = recognized(request(noise(2), noise(1), noise(3)))

    assert revisions(result) == {40_000: "w0", 45_000: "w1 w2 w3"}
    assert result.hypothesis.text == "w4 w5"
    assert [word.start_ms for word in result.hypothesis.words] == [300, 1_300]
    assert [word.start_ms for word in result.revised[1].hypothesis.words] == [300, 1_300, 2_300]
    assert result.hypothesis.duration_ms == 2_000


def test_a_word_whose_begin_reaches_back_over_the_pause_belongs_where_it_ends() -> None:
    """The word "savings", said alone, began in the amount of money before it."""
    words = (
        Word(text="$135", start_ms=1_800, end_ms=2_500, confidence=0.9),
        Word(text="savings.", start_ms=2_500, end_ms=4_200, confidence=0.9),
    )
    decoded = Hypothesis(text="$135 savings.", words=words, duration_ms=4_600)

    before, own = divided(decoded, [3_500, 1_100])

    assert (before.text, own.text) == ("$135", "savings.")
    assert (own.words[0].start_ms, own.words[0].end_ms) == (0, 700)


def test_a_word_that_seems_to_end_within_the_pre_roll_belongs_to_the_segment_before() -> None:
    words = tuple(
        Word(text=text, start_ms=900, end_ms=end_ms, confidence=0.9)
        for text, end_ms in (("thank", 1_000), ("you.", 1_000 + LATE_MS - 1), ("bye", 1_900))
    )
    decoded = Hypothesis(text="thank you. bye", words=words, duration_ms=2_000)

    assert [part.text for part in divided(decoded, [1_000, 1_000])] == ["thank you.", "bye"]


def test_each_part_has_the_words_as_they_were_written() -> None:
    """The same letters may stand in another word before."""
    words = tuple(
        Word(text=text, start_ms=500 * n, end_ms=500 * n + 400, confidence=0.9)
        for n, text in enumerate(("what", "a", "half", "-an", "-a", "half"))
    )
    decoded = Hypothesis(text="what a half-an-a half", words=words, duration_ms=3_000)

    assert [part.text for part in divided(decoded, [1_000, 2_000])] == ["what a", "half-an-a half"]


def test_where_the_guards_object_to_a_passage_the_segment_is_decoded_alone() -> None:
    result = recognized(request(noise(2), noise(3)), Engine(looping_s=5))

    assert result.hypothesis.text == "w0 w1"
    assert (result.revised, result.guard, result.rejected) == ((), "", "")


def test_a_segment_whose_audio_is_refused_is_no_part_of_a_passage() -> None:
    """Such as a ringback tone: its words would be made up."""
    result = recognized(request(noise(2), noise(1), tone(3)))

    assert revisions(result) == {40_000: "w0"}
    assert result.hypothesis.text == "w1 w2"


def test_a_segment_whose_own_audio_is_refused_revises_nothing() -> None:
    result = recognized(request(tone(2), noise(3)))

    assert (result.hypothesis.text, result.revised, result.rejected) == ("", (), "tone")


def test_segments_with_and_without_a_passage_may_share_a_batch() -> None:
    alone, together, looping = (
        request(noise(2)),
        request(noise(2), noise(1)),
        request(noise(2), noise(3)),
    )

    results = recognize([looping, alone, together], Engine(looping_s=5))  # type: ignore[arg-type]

    assert [result.hypothesis.text for result in results] == ["w0 w1", "w0 w1", "w1 w2"]
    assert [len(result.revised) for result in results] == [0, 0, 1]


def test_a_passage_is_never_longer_than_it_may_be() -> None:
    requests = list(finals(100, SHORT_SEGMENTS))

    assert max(one.context_ms for one in requests) > 1_000
    decoded = [one.context_ms + one.audio_ms for one in requests if one.context_ms]
    assert max(decoded) <= SHORT_SEGMENTS.passage_ms


def test_the_audio_of_a_passage_is_forgotten_once_nothing_can_go_on_it() -> None:
    """And no later than that, although the front end would be rebuilt in a minute only."""
    segments = SegmentConfig(passage_reach_ms=8_000, rebuild_silence_ms=60_000)
    call = transcriber("c", segments=segments)
    audio = np.zeros((12 * RATE_HZ, 1), np.float32)
    audio[: 4 * RATE_HZ] = demo_audio()[: 4 * RATE_HZ, :1]
    step = RATE_HZ // 10
    unacknowledged: list[int] = []
    waiting = 0

    for seq in range(len(audio) // step):
        start = seq * step
        effects = call.feed(chunk("c", seq, start, audio[start : start + step]), seq)
        waiting += 1
        while effects:
            effect = effects.pop(0)
            if isinstance(effect, Infer):
                assert isinstance(effect.request, RecognitionRequest)
                effects += call.resolve(fingerprint(effect.request))
            elif isinstance(effect, Commit):
                waiting -= len(effect.offsets)
        unacknowledged.append(waiting)

    passage_chunks = segments.passage_reach_ms // 100
    assert max(unacknowledged) > passage_chunks // 2
    assert max(unacknowledged) < passage_chunks + WARM_UP_MS // 100 + 3
    assert unacknowledged[-1] < len(unacknowledged) - passage_chunks


def test_without_a_passage_a_segment_is_decoded_alone() -> None:
    assert not any(one.context_ms for one in finals(100, SegmentConfig(passage_ms=0)))


@pytest.mark.parametrize("chunk_ms", [20, 190])
def test_the_context_does_not_depend_on_how_audio_is_cut_into_chunks(chunk_ms: int) -> None:
    expected = {one.segment_id: one.context.tobytes() for one in finals(100, SHORT_SEGMENTS)}

    found = {one.segment_id: one.context.tobytes() for one in finals(chunk_ms, SHORT_SEGMENTS)}

    assert found == expected

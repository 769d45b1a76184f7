"""When partials are due, what they start from, and which results still count."""

import numpy as np
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import DEFAULT_POLICY, PolicyConfig
from stream_app.calls.transcribe.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.recognition.channel_partials import ChannelPartials

START_MS = 1_000


def result(start_ms: int, text: str, *, rejected: str = "") -> RecognitionResult:
    words = tuple(Word(text=word, start_ms=0, end_ms=100, confidence=0.5) for word in text.split())
    request = RecognitionRequest(
        call_id="c",
        channel=0,
        segment_id=f"s{start_ms}",
        samples=np.zeros(16_000, dtype=np.float32),
        start_ms=start_ms,
        captured_at_ns=1,
        language="en",
        hot_words=(),
        is_final=False,
    )
    hypothesis = Hypothesis(text=text, words=words, tokens=tuple(range(len(words))))
    return RecognitionResult(request=request, hypothesis=hypothesis, rejected=rejected, model="m")


def due_ms(partials: ChannelPartials, start_ms: int, end_ms: int) -> list[int]:
    """Return when partials of a segment were due, heard in steps of 50 ms."""
    return [at_ms for at_ms in range(start_ms, end_ms, 50) if partials.ask(start_ms, at_ms)]


def test_the_first_partial_is_due_soon_and_others_after_each_interval() -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 500)

    assert due_ms(partials, START_MS, 2_800) == [1_400, 1_900, 2_400]


def test_no_partial_is_due_sooner_than_the_interval() -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 300)

    assert due_ms(partials, START_MS, 2_000) == [1_300, 1_600, 1_900]


def test_the_interval_begins_anew_with_each_segment() -> None:
    """Also right after a cut at the limit, behind which audio was asked for before."""
    partials = ChannelPartials(DEFAULT_POLICY, 500)

    assert due_ms(partials, START_MS, 3_000)[-1] == 2_900
    assert due_ms(partials, 2_800, 4_000) == [3_200, 3_700]


def test_after_a_partial_without_words_the_next_is_due_sooner() -> None:
    """As long as the segment has just begun: noise and music never have words."""
    partials = ChannelPartials(DEFAULT_POLICY, 500)
    due = []
    for at_ms in range(START_MS, 5_000, 50):
        if partials.ask(START_MS, at_ms):
            due.append(at_ms)
            partials.update(result(START_MS, ""), START_MS)

    assert due == [*range(1_400, 3_001, 100), 3_500, 4_000, 4_500]


def test_each_chunk_may_bring_the_first_words() -> None:
    """A chunk of 100 ms is three frames of 32 ms, or four."""
    partials = ChannelPartials(DEFAULT_POLICY, 500)
    due = []
    for chunk in range(1, 9):
        at_ms = START_MS + chunk * 100 // 32 * 32
        if partials.ask(START_MS, at_ms):
            due.append(chunk)
            partials.update(result(START_MS, ""), START_MS)

    assert due == [4, 5, 6, 7, 8]


def test_after_the_first_words_the_interval_holds() -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 500)
    texts = iter(("", "", "yes", "yes", "yes", "yes"))
    due = []
    for at_ms in range(START_MS, 3_200, 50):
        if partials.ask(START_MS, at_ms):
            due.append(at_ms)
            partials.update(result(START_MS, next(texts)), START_MS)

    assert due == [1_400, 1_500, 1_600, 2_100, 2_600, 3_100]


def test_deterministic_partials_keep_the_interval_whatever_they_say() -> None:
    """When a result comes is a matter of the machine."""
    partials = ChannelPartials(DEFAULT_POLICY, 500, is_deterministic=True)
    due = []
    for at_ms in range(START_MS, 3_200, 50):
        if partials.ask(START_MS, at_ms):
            due.append(at_ms)
            partials.update(result(START_MS, ""), START_MS)

    assert due == [1_400, 1_900, 2_400, 2_900]


def test_the_policy_that_says_nothing_before_the_final_asks_for_nothing() -> None:
    partials = ChannelPartials(PolicyConfig(name="utterance_only"), 500)

    assert due_ms(partials, START_MS, 9_000) == []


def test_the_next_partial_starts_from_the_last_one() -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 500)
    partials.ask(START_MS, 1_500)
    drafts = [partials.draft]

    partials.update(result(START_MS, "one two three"), START_MS)

    assert [*drafts, partials.draft] == [(), (0, 1, 2)]


@pytest.mark.parametrize("rejected", ["repetitive", "no_speech"])
def test_words_that_were_not_believed_are_no_draft(rejected: str) -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 500)
    partials.ask(START_MS, 1_500)

    partials.update(result(START_MS, "one two", rejected=rejected), START_MS)

    assert partials.draft == ()


def test_a_new_segment_starts_from_nothing() -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 500)
    partials.ask(START_MS, 1_500)
    partials.update(result(START_MS, "one two"), START_MS)

    partials.ask(4_000, 4_500)

    assert partials.draft == ()
    assert partials.update(result(4_000, "one two"), 4_000).committed == ()


@pytest.mark.parametrize("open_start_ms", [None, 4_000])
def test_a_result_of_a_segment_that_has_ended_is_dropped(open_start_ms: int | None) -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 500)
    partials.ask(START_MS, 1_500)

    assert partials.update(result(START_MS, "one"), open_start_ms).words == ()
    assert partials.draft == ()


def test_when_partials_are_deterministic_no_result_is_dropped_and_none_is_a_draft() -> None:
    partials = ChannelPartials(DEFAULT_POLICY, 500, is_deterministic=True)
    partials.ask(START_MS, 1_500)
    partials.ask(START_MS, 2_000)
    partials.ask(4_000, 4_500)

    first = partials.update(result(START_MS, "one two"), 4_000)
    other = partials.update(result(4_000, "three"), None)
    second = partials.update(result(START_MS, "one two"), None)

    assert [word.text for word in first.tentative] == ["one", "two"]
    assert [word.text for word in other.tentative] == ["three"]
    assert [word.text for word in second.committed] == ["one", "two"]
    assert partials.draft == ()
    assert not partials._unfinished

"""Delays against the true times of the words, from a consumer's side."""

from typing import Any

import msgspec
import pytest

from benchmarks.core.reference import TrueCall, TrueUtterance, TrueWord
from benchmarks.core.word_matching import match_words
from benchmarks.live.call_copies import quiet_middles, swapped_call, turned_call
from benchmarks.live.call_meter import NS_PER_MS, CallMeter, Received
from schemas.base import CallContext, Message
from schemas.transcripts import (
    CallSummary,
    CallTranscribed,
    RevisedSegment,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
    Word,
)
from schemas.turns import CallMetrics, FinalizedCall, TurnEnded, TurnEndPredicted

ORIGIN_NS = 5_000 * NS_PER_MS
HEADER: dict[str, Any] = {"event_id": "e", "call_id": "c", "captured_at_ns": 0}
PLACE: dict[str, Any] = {"channel": 0, "party": "agent"}
SAID = (TrueWord("hello", 1_000, 1_400), TrueWord("there", 1_500, 1_900))
CALL = TrueCall(10_000, (TrueUtterance(0, 1_000, 1_900, SAID),))


def word(text: str, start_ms: int) -> Word:
    return Word(text=text, start_ms=start_ms, end_ms=start_ms + 300, confidence=0.9)


def meter() -> CallMeter:
    return CallMeter(CALL, ORIGIN_NS)


def at(message: Message, audio_ms: int) -> Received:
    """Return a message that arrived when the call's clock showed ``audio_ms``."""
    arrived_ns = ORIGIN_NS + audio_ms * NS_PER_MS
    return Received(message, arrived_ns // NS_PER_MS - 10, arrived_ns)


def partial(end_ms: int, *words: Word, stable: int = 0, start_ms: int = 900) -> TranscriptPartial:
    return TranscriptPartial(
        **HEADER,
        **PLACE,
        segment_id="s",
        revision=end_ms - start_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        text=" ".join(each.text for each in words),
        words=words,
        stable_words=stable,
        stability=0.5,
        language="en",
    )


def final(*words: Word, lane_seq: int = 1, cut: Any = "pause", end_ms: int = 2_050) -> Any:
    return TranscriptFinal(
        **HEADER,
        **PLACE,
        lane_seq=lane_seq,
        segment_id="s",
        revision=1_150,
        start_ms=900,
        end_ms=end_ms,
        at_ms=2_300,
        cut=cut,
        text=" ".join(each.text for each in words),
        words=words,
        confidence=0.9,
        language="en",
        model="m",
    )


def delays(found: CallMeter, kind: str) -> list[float]:
    return [sample.delay_ms for sample in found.samples[kind]]


def test_the_first_partial_counts_from_the_first_true_word() -> None:
    """Not from the segment's start, which lies before it."""
    found = meter()

    found.feed(at(partial(1_500, word("hello", 1_000)), 1_600))
    found.feed(at(partial(2_000, word("hello", 1_000)), 2_100))

    assert delays(found, "first_partial") == [600]
    assert delays(found, "partial_interval") == [500]
    assert delays(found, "partial_audio_interval") == [500]


def test_a_segment_in_the_middle_of_speech_is_no_start_of_speech() -> None:
    """It was cut there: `there` follows `hello` after 100 ms."""
    found = meter()

    found.feed(at(partial(2_200, word("there", 1_500), start_ms=1_450), 2_300))

    assert delays(found, "first_partial") == []
    assert delays(found, "first_partial_of_cut") == [800]


def test_an_empty_partial_is_no_first_partial() -> None:
    found = meter()

    found.feed(at(partial(1_300), 1_350))

    assert delays(found, "first_partial") == []


def test_a_word_is_committed_once_by_the_first_message_that_says_so() -> None:
    found = meter()

    found.feed(at(partial(1_600, word("hello", 1_000), stable=0), 1_700))
    found.feed(at(partial(1_900, word("hello", 1_020), word("their", 1_500), stable=1), 2_000))
    found.feed(at(final(word("hello", 1_010), word("there", 1_510)), 2_500))

    assert delays(found, "word_commit") == [600, 600]  # hello by the partial, there by the final


def test_a_wrong_word_is_no_committed_word() -> None:
    found = meter()

    found.feed(at(final(word("yellow", 1_000)), 2_500))

    assert delays(found, "word_commit") == []


def test_the_final_counts_from_the_last_true_word_and_splits_into_stages() -> None:
    found = meter()

    found.feed(at(final(word("hello", 1_000), word("there", 1_500)), 2_500))

    assert delays(found, "final") == [600]
    assert delays(found, "final.until_decided") == [400]
    assert delays(found, "final.decided_to_produced") == [190]
    assert delays(found, "final.produced_to_received") == [10]


def test_a_final_cut_in_speech_counts_from_the_cut() -> None:
    found = meter()

    found.feed(at(final(word("hello", 1_000), cut="limit", end_ms=1_450), 2_500))

    assert delays(found, "final") == []
    assert delays(found, "final_of_cut") == [1_050]


def turn_ended(reason: Any) -> TurnEnded:
    return TurnEnded(
        **HEADER,
        **PLACE,
        turn_id="t",
        start_ms=900,
        end_ms=2_050,
        at_ms=2_700,
        text="hello there",
        segment_ids=("s",),
        words=2,
        speech=(),
        reason=reason,
    )


def test_the_end_of_turn_counts_from_the_last_true_word() -> None:
    found = meter()

    found.feed(at(turn_ended("silence"), 2_800))
    found.feed(at(turn_ended("call_ended"), 2_800))

    assert delays(found, "end_of_turn") == [900]


@pytest.mark.parametrize(("is_withdrawn", "expected"), [(False, [500]), (True, [])])
def test_a_predicted_end_counts_unless_it_was_withdrawn(
    is_withdrawn: bool,
    expected: list[float],
) -> None:
    prediction = TurnEndPredicted(**HEADER, **PLACE, turn_id="t", at_ms=2_050, probability=0.9)
    found = meter()

    found.feed(at(prediction, 2_400))
    if is_withdrawn:
        found.feed(at(msgspec.structs.replace(prediction, is_withdrawn=True), 2_500))
    found.feed(at(turn_ended("semantic"), 2_800))

    assert delays(found, "end_of_turn_predicted") == expected


def activity(lane_seq: int) -> SpeechActivity:
    return SpeechActivity(
        **HEADER,
        **PLACE,
        lane_seq=lane_seq,
        kind="tick",
        is_speech=True,
        at_ms=100,
        silence_ms=0,
        since_ms=0,
    )


def transcribed(lane_seqs: tuple[int, ...]) -> CallTranscribed:
    summary = CallSummary(
        parties=("agent",),
        duration_ms=10_000,
        end_reason="completed",
        context=CallContext(),
        lane_seqs=lane_seqs,
    )
    return CallTranscribed(**HEADER, at_ms=10_000, summary=summary)


def finalized() -> FinalizedCall:
    metrics = CallMetrics(
        duration_ms=10_000,
        silence_ms=0,
        silence_share=0.0,
        overlap_ms=0,
        interruptions=0,
        hold_ms=0,
        holds=0,
        turns=0,
        words=0,
        gap_ms=0,
        channels=(),
    )
    return FinalizedCall(
        **HEADER,
        end_reason="completed",
        parties=("agent",),
        turns=(),
        metrics=metrics,
        context=CallContext(),
    )


def test_a_final_that_revises_a_segment_replaces_its_words_and_commits_them() -> None:
    """What is heard is what the call says at its end; a word counts once, when it came."""
    found = meter()
    revision = RevisedSegment(
        segment_id="s", start_ms=900, text="hello", words=(word("hello", 1_000),)
    )
    second = msgspec.structs.replace(
        final(word("there", 1_500)), segment_id="t", start_ms=1_450, revised=(revision,)
    )

    found.feed(at(final(word("yellow", 1_000)), 2_300))
    found.feed(at(second, 2_500))

    assert found.heard[0] == {900: "hello", 1_450: "there"}
    assert delays(found, "word_commit") == [1_100, 600]


@pytest.mark.parametrize(("missing", "is_complete"), [(None, True), (1, False), (2, False)])
def test_a_call_is_complete_if_no_deterministic_message_is_missing(
    missing: int | None, *, is_complete: bool
) -> None:
    found = meter()
    messages = {0: activity(0), 1: final(word("hello", 1_000)), 2: activity(2)}

    for number, message in messages.items():
        if number != missing:
            found.feed(at(message, 2_500))
    found.feed(at(transcribed((3,)), 2_600))
    found.feed(at(finalized(), 2_700))

    assert found.completeness.is_complete is is_complete


def test_a_call_that_is_not_finalized_is_not_complete() -> None:
    found = meter()

    found.feed(at(transcribed((0,)), 2_600))

    assert not found.completeness.is_complete


def test_the_same_word_twice_is_matched_by_its_time() -> None:
    true_words = [TrueWord("no", 100, 200), TrueWord("no", 600, 700)]

    assert match_words([word("No,", 580)], true_words, set()) == [1]
    assert match_words([word("no", 580)], true_words, {1}) == [0]
    assert match_words([word("no", 2_000)], true_words, set()) == []


def test_a_copy_begins_in_a_pause_and_goes_round() -> None:
    turned = turned_call(CALL, begin_ms=500, speed=1.0, length_ms=12_000)

    starts = [each.start_ms for one in turned.utterances for each in one.words]
    assert starts == [500, 1_000, 10_500, 11_000]


def test_a_faster_tape_brings_words_closer() -> None:
    turned = turned_call(CALL, begin_ms=0, speed=2.0, length_ms=5_000)

    assert turned.words(0) == [TrueWord("hello", 500, 700), TrueWord("there", 750, 950)]


def test_words_cut_off_at_the_end_are_left_out() -> None:
    turned = turned_call(CALL, begin_ms=0, speed=1.0, length_ms=1_600)

    assert [each.text for each in turned.words(0)] == ["hello"]


def test_exchanged_channels_say_the_same() -> None:
    assert swapped_call(CALL).words(1) == list(SAID)


def test_quiet_middles_lie_between_utterances_of_all_channels() -> None:
    call = TrueCall(
        9_000,
        (
            TrueUtterance(0, 1_000, 3_000, SAID),
            TrueUtterance(1, 2_000, 4_000, SAID),
            TrueUtterance(0, 4_100, 5_000, SAID),
            TrueUtterance(1, 6_000, 7_000, SAID),
        ),
    )

    assert quiet_middles(call) == [500, 5_500]

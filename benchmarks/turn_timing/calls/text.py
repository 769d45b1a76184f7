"""Turns of which only the words and their times are known: the same endpointing without audio.

The gaps between words are the silence, speech is what lies between them, and finals carry the
words without capitals and punctuation: what a lane would be with perfect voice activity and a
perfect recognizer.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.core.reference import TrueWord
from benchmarks.turn_timing.calls.lanes import Lane
from benchmarks.turn_timing.calls.script import PauseKind
from benchmarks.turn_timing.calls.truth import TimedCall, TruePause, TrueTurn
from models.text.spoken_form import spoken_form
from schemas.base import CallContext
from schemas.transcripts import (
    CallSummary,
    CallTranscribed,
    SpeechActivity,
    TranscriptFinal,
    Word,
)
from stream_app.calls.identifiers import event_id, segment_id
from training.core.sampling import spread_evenly
from training.turns.corpus.timed_turns import timed_turns

EARNINGS_SET = "earnings22_aligned"
PAUSE_MS = 200  # a shorter gap between words does not count
HANGOVER_MS = 128  # of voice activity: it bridges shorter gaps, and knows an end so late
TICK_MS = 100
TAIL_MS = 3_500
MODEL = "word-times"
SENTENCE_ENDS = (".", "?", "!")
LONGEST_TURN_MS = 110_000  # the machine splits turns of two minutes


def spoken_turns(data: Path, *, most: int) -> list[TimedCall]:
    """Return held-out turns of real calls, each as a call of its own with one party.

    Raises:
        MissingDataError: The data set is not there.
    """
    turns = [
        TimedCall(
            name=f"{turn.conversation}-{turn.speaker}-{turn.words[0][1]}",
            parties=("unknown",),
            turns=(_true_turn(turn.words),),
            duration_ms=turn.words[-1][2] + TAIL_MS,
        )
        for turn in timed_turns(data, "test")
        if turn.words and turn.words[-1][2] - turn.words[0][1] <= LONGEST_TURN_MS
    ]
    return [turns[n] for n in spread_evenly(len(turns), most)]


def _true_turn(words: Sequence[tuple[str, int, int]]) -> TrueTurn:
    shift_ms = words[0][1]
    said = tuple(TrueWord(text, start - shift_ms, end - shift_ms) for text, start, end in words)
    return TrueTurn(0, said, tuple(word_pauses(said)))


def word_pauses(words: Sequence[TrueWord]) -> Iterator[TruePause]:
    """Yield the pauses between words; after a full stop they part sentences."""
    for before, after in pairwise(words):
        if after.start_ms - before.end_ms >= PAUSE_MS:
            is_end = before.text.endswith(SENTENCE_ENDS)
            kind: PauseKind = "between_sentences" if is_end else "mid_sentence"
            yield TruePause(before.end_ms, after.start_ms, kind)


def lane_of_words(call: TimedCall, *, pause_ms: int) -> Lane:
    """Return the lane of a call with one party, from the times of its words.

    Args:
        call: Of which the words are known.
        pause_ms: Silence that ends a segment.
    """
    messages: list[SpeechActivity | TranscriptFinal] = []
    segment: list[TrueWord] = []
    stretches = _stretches(call.words_of(0))
    for number, stretch in enumerate(stretches):
        start_ms, end_ms = stretch[0].start_ms, stretch[-1].end_ms
        is_last = number == len(stretches) - 1
        until_ms = call.duration_ms if is_last else stretches[number + 1][0].start_ms
        messages.append(_activity(call, "start", start_ms, start_ms))
        messages.append(_activity(call, "end", min(end_ms + HANGOVER_MS, until_ms), end_ms))
        segment += stretch
        if until_ms - end_ms >= pause_ms:
            messages.append(_final(call, segment, end_ms + pause_ms))
            segment = []
        first = (end_ms + HANGOVER_MS) // TICK_MS * TICK_MS + TICK_MS
        ticks = range(first, min(until_ms, end_ms + TAIL_MS) + 1, TICK_MS)
        messages += [_activity(call, "tick", at_ms, end_ms) for at_ms in ticks]
    ordered = sorted(messages, key=lambda message: message.at_ms)
    lane = [msgspec.structs.replace(m, lane_seq=n) for n, m in enumerate(ordered)]
    return [*lane, _transcribed(call, len(lane))]


def _stretches(words: Iterable[TrueWord]) -> list[list[TrueWord]]:
    """Return the words of each stretch of speech, parted where voice activity hears silence."""
    stretches: list[list[TrueWord]] = []
    for word in words:
        if stretches and word.start_ms - stretches[-1][-1].end_ms <= HANGOVER_MS:
            stretches[-1].append(word)
        else:
            stretches.append([word])
    return stretches


def _activity(
    call: TimedCall, kind: Literal["start", "end", "tick"], at_ms: int, since_ms: int
) -> SpeechActivity:
    is_speech = kind == "start"
    return SpeechActivity(
        event_id=event_id(call.name, kind, at_ms),
        call_id=call.name,
        captured_at_ns=1,
        channel=0,
        party=call.parties[0],
        lane_seq=0,
        kind=kind,
        is_speech=is_speech,
        at_ms=at_ms,
        silence_ms=0 if is_speech else at_ms - since_ms,
        since_ms=since_ms,
    )


def _final(call: TimedCall, words: Sequence[TrueWord], at_ms: int) -> TranscriptFinal:
    start_ms, end_ms = words[0].start_ms, words[-1].end_ms
    heard = tuple(
        Word(
            text=spoken_form(word.text), start_ms=word.start_ms, end_ms=word.end_ms, confidence=1.0
        )
        for word in words
    )
    return TranscriptFinal(
        event_id=event_id(call.name, "final", start_ms),
        call_id=call.name,
        captured_at_ns=1,
        channel=0,
        party=call.parties[0],
        lane_seq=0,
        segment_id=segment_id(call.name, 0, start_ms),
        revision=end_ms - start_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        at_ms=at_ms,
        cut="pause",
        text=spoken_form(" ".join(word.text for word in words)),
        words=heard,
        confidence=1.0,
        language="en",
        model=MODEL,
    )


def _transcribed(call: TimedCall, length: int) -> CallTranscribed:
    summary = CallSummary(
        parties=call.parties,
        duration_ms=call.duration_ms,
        end_reason="hangup",
        context=CallContext(),
        lane_seqs=(length,),
    )
    return CallTranscribed(
        event_id=event_id(call.name, "transcribed"),
        call_id=call.name,
        captured_at_ns=1,
        at_ms=call.duration_ms,
        summary=summary,
    )

"""The turns of a channel: the open one, and those that ended last."""

from collections.abc import Sequence

import msgspec

from schemas.base import Party
from schemas.transcripts import MAX_REVISION_MS, RevisedSegment, TranscriptFinal
from schemas.turns import SpeechSpan
from stream_app.calls.detect_turns.dictation.rules import Dictation, dictation
from stream_app.calls.detect_turns.heard_language import HeardWords
from stream_app.calls.detect_turns.turn_words import TurnWords, word_count

NEVER_MS = -1


class OpenTurn(TurnWords, kw_only=True, omit_defaults=True):
    """Speech of a channel since its last turn.

    Attributes:
        start_ms: Start of the first speech; with the channel, the identity of the turn.
        started_at_ns: Wall clock (Unix, ns) at which that was captured.
        spoken_at_ns: Wall clock (Unix, ns) at which the end of the last speech was captured.
        speaking_since_ms: Start of the speech that goes on, -1 in silence.
        speech: Spans of speech that have ended, in order.
        wordless: Segments of it in which the recognizer found no words, in order.
        is_published: A TurnStarted has gone out.
        probability: Semantic end-of-turn probability, -1 where no model was asked.
        dictation: Whether its text ends in a dictation.
    """

    start_ms: int
    started_at_ns: int
    spoken_at_ns: int = 0
    speaking_since_ms: int = NEVER_MS
    speech: list[SpeechSpan] = msgspec.field(default_factory=list)
    wordless: list[SpeechSpan] = msgspec.field(default_factory=list)
    is_published: bool = False
    probability: float = -1.0
    dictation: Dictation = "none"

    @property
    def is_speaking(self) -> bool:
        """Return whether speech goes on."""
        return self.speaking_since_ms != NEVER_MS

    @property
    def end_ms(self) -> int:
        """Return the end of the last speech that has ended."""
        return self.speech[-1].end_ms if self.speech else self.start_ms

    def speech_ms(self, at_ms: int) -> int:
        """Return how much speech there was up to ``at_ms``."""
        spoken = sum(span.end_ms - span.start_ms for span in self.speech)
        return spoken + (at_ms - self.speaking_since_ms if self.is_speaking else 0)

    def heard_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how much speech there was between two times."""
        spans = [(span.start_ms, span.end_ms) for span in self.speech]
        if self.is_speaking:
            spans.append((self.speaking_since_ms, end_ms))
        return sum(max(0, min(end, end_ms) - max(start, start_ms)) for start, end in spans)

    def begin_speech(self, start_ms: int) -> None:
        """Take in that speech began."""
        self.speaking_since_ms = start_ms

    def end_speech(self, end_ms: int, captured_at_ns: int) -> None:
        """Take in that speech ended, captured at ``captured_at_ns`` (Unix, ns)."""
        if end_ms > self.speaking_since_ms:
            self.speech.append(SpeechSpan(start_ms=self.speaking_since_ms, end_ms=end_ms))
        self.speaking_since_ms = NEVER_MS
        self.spoken_at_ns = captured_at_ns

    def rest_after(self, covered_ms: int, captured_at_ns: int) -> "OpenTurn | None":
        """Return the turn without speech that was noise, None if nothing is left.

        Args:
            covered_ms: Up to here there was noise.
            captured_at_ns: Wall clock (Unix, ns) at which that was captured.
        """
        speech = [
            SpeechSpan(start_ms=max(span.start_ms, covered_ms), end_ms=span.end_ms)
            for span in self.speech
            if span.end_ms > covered_ms
        ]
        since_ms = max(self.speaking_since_ms, covered_ms) if self.is_speaking else NEVER_MS
        if not speech and since_ms == NEVER_MS:
            return None
        return OpenTurn(
            start_ms=speech[0].start_ms if speech else since_ms,
            started_at_ns=captured_at_ns,
            spoken_at_ns=self.spoken_at_ns,
            speaking_since_ms=since_ms,
            speech=speech,
        )

    @property
    def worded_speech(self) -> tuple[SpeechSpan, ...]:
        """Return the spans of speech that have ended, without the segments that had no words.

        Breath, noise and the rest of an echo hold a turn open, but nobody speaks in them.
        """
        spans = list(self.speech)
        for noise in self.wordless:
            spans = [part for span in spans for part in _without(span, noise)]
        return tuple(spans)

    def add_noise(self, final: TranscriptFinal) -> None:
        """Take in a final without words."""
        self.wordless.append(SpeechSpan(start_ms=final.start_ms, end_ms=final.end_ms))

    def insert_words(self, segment: RevisedSegment, language: str) -> None:
        """Take in a segment in which a later final found the first words."""
        super().insert_words(segment, language)
        self.wordless = [
            span for span in self.wordless if not span.start_ms <= segment.start_ms < span.end_ms
        ]

    def add(self, final: TranscriptFinal, probability: float) -> None:
        """Take in a final with words, and the probability that they end the turn."""
        self.add_words(final)
        self.probability = probability
        self.dictation = dictation(self.text) if final.language.startswith("en") else "none"


class EndedTurn(TurnWords, kw_only=True, omit_defaults=True):
    """A published turn that has ended and may be revised."""

    start_ms: int
    end_ms: int


class ChannelTurns(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The turns of one channel of a call.

    Attributes:
        covered_ms: All speech before it has its final.
        turn: The open one.
        last_start_ms: Start of the last published turn that has ended, -1 before any.
        last_end_ms: End of its last speech.
        last_ended_at_ms: Audio clock at which its end was decided.
        last_is_question: Its text ended in a question mark.
        judge: Name of the end-of-turn model that judges it, empty before the first judgement.
        ended: Turns that may still be revised, in order.
        heard: Its words so far, and how sure they are.
    """

    channel: int
    party: Party
    covered_ms: int = NEVER_MS
    turn: OpenTurn | None = None
    last_start_ms: int = NEVER_MS
    last_end_ms: int = NEVER_MS
    judge: str = ""
    ended: list[EndedTurn] = []
    last_ended_at_ms: int = NEVER_MS
    last_is_question: bool = False
    heard: HeardWords = msgspec.field(default_factory=HeardWords)

    @property
    def speaking(self) -> OpenTurn | None:
        """Return the open turn if speech goes on in it."""
        return self.turn if self.turn is not None and self.turn.is_speaking else None

    @property
    def is_pending(self) -> bool:
        """Return whether a final of the open turn's ended speech is still to come."""
        return self.turn is not None and self.turn.end_ms > self.covered_ms

    @property
    def free_from_ms(self) -> int:
        """Return the audio clock from which no turn or speech of the channel is known."""
        open_end_ms = self.turn.end_ms if self.turn else 0
        return max(self.last_end_ms, self.last_start_ms + 1, open_end_ms)

    def cover(self, final: TranscriptFinal) -> None:
        """Take in how far the finals reach: one cut in mid-speech, up to the cut only."""
        reach_ms = final.end_ms if final.cut == "limit" else final.at_ms
        self.covered_ms = max(self.covered_ms, reach_ms)

    def remember(self, turn: OpenTurn, at_ms: int) -> None:
        """Take in that a published turn is over, decided at ``at_ms``."""
        self.last_start_ms, self.last_end_ms = turn.start_ms, turn.end_ms
        self.last_ended_at_ms, self.last_is_question = at_ms, turn.text.endswith("?")
        ended = EndedTurn(
            start_ms=turn.start_ms,
            end_ms=turn.end_ms,
            segment_ids=turn.segment_ids,
            texts=turn.texts,
            counts=turn.counts,
            starts_ms=turn.starts_ms,
        )
        self.ended.append(ended)

    def revise(self, final: TranscriptFinal) -> list[EndedTurn]:
        """Return the ended turns whose text changes with what a final revises."""
        self.ended = [turn for turn in self.ended if turn.end_ms > final.start_ms - MAX_REVISION_MS]
        turns: list[EndedTurn | OpenTurn] = [*self.ended]
        if self.turn is not None and (self.turn.is_published or word_count(final)):
            turns.append(self.turn)
        changed: list[EndedTurn] = []
        for segment in final.revised:
            turn = _revised_turn(turns, segment, final.language)
            if isinstance(turn, EndedTurn) and turn not in changed:
                changed.append(turn)
        return changed

    def speaks_around(self, turn: OpenTurn) -> bool:
        """Return whether this channel spoke in one turn before and after another's ``turn``."""
        open_turn = self.turn
        if open_turn is not None and open_turn.start_ms < turn.start_ms:
            return open_turn.is_speaking or open_turn.end_ms > turn.end_ms
        return NEVER_MS < self.last_start_ms < turn.start_ms and self.last_end_ms > turn.end_ms

    def speaks_through(self, turn: OpenTurn) -> bool:
        """Return whether this channel spoke during most of another's ``turn``, and after it."""
        open_turn = self.turn
        if open_turn is None or not self.speaks_around(turn):
            return False
        shared_ms = sum(open_turn.heard_ms(span.start_ms, span.end_ms) for span in turn.speech)
        return 2 * shared_ms > turn.speech_ms(turn.end_ms)


def _revised_turn(
    turns: Sequence[EndedTurn | OpenTurn], segment: RevisedSegment, language: str
) -> EndedTurn | OpenTurn | None:
    """Return the turn whose text a revised segment changes, None if it changes none."""
    for turn in turns:
        if segment.segment_id in turn.segment_ids:
            return turn if turn.revise(segment, language) else None
    if not segment.text.strip() or not turns:
        return None
    before = [turn for turn in turns if turn.start_ms <= segment.start_ms]
    nearest = before[-1] if before else turns[0]
    nearest.insert_words(segment, language)
    return nearest


def _without(span: SpeechSpan, noise: SpeechSpan) -> list[SpeechSpan]:
    """Return what is left of a span outside another one."""
    parts = (
        (span.start_ms, min(span.end_ms, noise.start_ms)),
        (max(span.start_ms, noise.end_ms), span.end_ms),
    )
    return [SpeechSpan(start_ms=start, end_ms=end) for start, end in parts if start < end]

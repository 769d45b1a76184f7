"""What a consumer of the result topics measures of a call, against the true times of its words.

A sound made at ``t`` of the audio clock was made at the wall clock of the call's start plus ``t``:
calls are replayed at real time by absolute deadlines. Nothing is taken from inside the pipeline,
except the producers' own stamps, which split a delay into stages.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.core.reference import TrueCall, TrueWord
from benchmarks.core.word_matching import match_words
from models.asr.core.hypothesis import Word
from schemas.base import Message
from schemas.transcripts import (
    CallTranscribed,
    RevisedSegment,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
)
from schemas.turns import FinalizedCall, TurnEnded, TurnEndPredicted

NS_PER_MS = 1_000_000
SILENCE_MS = 300  # true words so far apart are not one stretch of speech
EDGE_MS = 250  # a segment may begin or end so far inside or outside of its words
_ENDS_BY_SILENCE = frozenset({"semantic", "silence", "ceiling"})


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the consumer got it.

    Attributes:
        produced_at_ms: Wall clock at which its producer made the record.
        arrived_at_ns: Wall clock at which the consumer had it.
    """

    message: Message
    produced_at_ms: int
    arrived_at_ns: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A delay, and the wall clock (ns) of the sound that it counts from."""

    sound_ns: int
    delay_ms: float


@dataclass(slots=True)
class Completeness:
    """Which messages of a call came.

    Attributes:
        is_finalized: Whether its FinalizedCall came.
    """

    is_finalized: bool = False
    _lanes: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    _lane_seqs: tuple[int, ...] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every deterministic message of every channel came, and the finalized call."""
        if self._lane_seqs is None or not self.is_finalized:
            return False
        return all(
            self._lanes[channel] == set(range(count))
            for channel, count in enumerate(self._lane_seqs)
        )

    def feed(self, message: Message) -> None:
        """Take a message of this call."""
        match message:
            case SpeechActivity() | TranscriptFinal():
                self._lanes[message.channel].add(message.lane_seq)
            case CallTranscribed():
                self._lane_seqs = message.summary.lane_seqs
            case FinalizedCall():
                self.is_finalized = True
            case _:
                pass


@dataclass(slots=True)
class CallMeter:
    """Takes the delays of one call.

    Attributes:
        call: What is said in it.
        origin_ns: Wall clock of its audio clock's 0.
        samples: By kind of result.
        heard: Text of each segment as last revised, by channel and start, for the word errors.
        completeness: Which messages came.
    """

    call: TrueCall
    origin_ns: int
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    heard: dict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    completeness: Completeness = field(default_factory=Completeness)
    _words: dict[int, list[TrueWord]] = field(default_factory=dict)
    _taken: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    _partials: dict[str, tuple[int, int]] = field(default_factory=dict)
    _predicted: dict[str, tuple[TurnEndPredicted | None, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the words of each channel."""
        self._words = {channel: self.call.words(channel) for channel in self.call.channels}

    def feed(self, received: Received) -> None:
        """Take a message of this call."""
        self.completeness.feed(received.message)
        match received.message:
            case TranscriptPartial() as partial:
                self._feed_partial(partial, received)
            case TranscriptFinal() as final:
                self._feed_final(final, received)
            case TurnEndPredicted() as prediction:
                self._predicted[prediction.turn_id] = (prediction, received.arrived_at_ns)
            case TurnEnded() as turn:
                self._end_turn(turn, received.arrived_at_ns)
            case _:
                pass

    def _end_turn(self, turn: TurnEnded, arrived_at_ns: int) -> None:
        prediction, predicted_at_ns = self._predicted.pop(turn.turn_id, (None, 0))
        if turn.reason not in _ENDS_BY_SILENCE:
            return
        sound_ms = self._last_sound_ms(turn.channel, turn.start_ms, turn.end_ms)
        self._add("end_of_turn", sound_ms, arrived_at_ns)
        if prediction is not None and not prediction.is_withdrawn:
            self._add("end_of_turn_predicted", sound_ms, predicted_at_ns)

    def _feed_partial(self, partial: TranscriptPartial, received: Received) -> None:
        if not partial.text:
            return
        before = self._partials.get(partial.segment_id)
        self._partials[partial.segment_id] = (received.arrived_at_ns, partial.revision)
        if before is None:
            sound_ms, is_after_silence = self._first_sound(partial)
            kind = "first_partial" if is_after_silence else "first_partial_of_cut"
            self._add(kind, sound_ms, received.arrived_at_ns)
        else:
            sound_ns = self._wall_ns(partial.end_ms)
            waited_ms = (received.arrived_at_ns - before[0]) / NS_PER_MS
            self.samples["partial_interval"].append(Sample(sound_ns, waited_ms))
            audio_ms = float(partial.revision - before[1])
            self.samples["partial_audio_interval"].append(Sample(sound_ns, audio_ms))
        self._add_stages("partial", (partial.end_ms, partial.end_ms), received)
        self._commit(partial.channel, partial.words[: partial.stable_words], received)

    def _feed_final(self, final: TranscriptFinal, received: Received) -> None:
        segments: tuple[RevisedSegment | TranscriptFinal, ...] = (*final.revised, final)
        for segment in segments:
            self.heard[final.channel][segment.start_ms] = segment.text
            self._commit(final.channel, segment.words, received)
        if not final.text:
            return
        is_cut = final.cut == "limit"
        sound_ms = final.end_ms
        if not is_cut:
            sound_ms = self._last_sound_ms(final.channel, final.start_ms, final.end_ms)
        kind = "final_of_cut" if is_cut else "final"
        self._add(kind, sound_ms, received.arrived_at_ns)
        self._add_stages(kind, (sound_ms, final.at_ms), received)

    def _add_stages(self, kind: str, clocks_ms: tuple[int, int], received: Received) -> None:
        """Split a delay into waited for on purpose, in the worker, in the brokers and here.

        Args:
            kind: Of result.
            clocks_ms: Audio clock of the sound, and of the last audio that was waited for.
            received: The result.
        """
        sound_ns, decided_ns = (self._wall_ns(at_ms) for at_ms in clocks_ms)
        produced_ns = received.produced_at_ms * NS_PER_MS
        stages = {
            "until_decided": decided_ns - sound_ns,
            "decided_to_produced": produced_ns - decided_ns,
            "produced_to_received": received.arrived_at_ns - produced_ns,
        }
        for name, duration_ns in stages.items():
            sample = Sample(sound_ns, duration_ns / NS_PER_MS)
            self.samples[f"{kind}.{name}"].append(sample)

    def _commit(self, channel: int, words: Sequence[Word], received: Received) -> None:
        true_words = self._words.get(channel, [])
        for number in match_words(words, true_words, self._taken[channel]):
            self._taken[channel].add(number)
            self._add("word_commit", true_words[number].end_ms, received.arrived_at_ns)

    def _add(self, kind: str, sound_ms: int, arrived_at_ns: int) -> None:
        sound_ns = self._wall_ns(sound_ms)
        self.samples[kind].append(Sample(sound_ns, (arrived_at_ns - sound_ns) / NS_PER_MS))

    def _wall_ns(self, audio_ms: int) -> int:
        return self.origin_ns + audio_ms * NS_PER_MS

    def _first_sound(self, partial: TranscriptPartial) -> tuple[int, bool]:
        """Return where the first word of a segment begins, and whether silence lies before it.

        A segment after a cut goes on in the middle of speech: most of its first words had been
        said before anybody knew where the cut would be.
        """
        words = self._words.get(partial.channel, [])
        starts = [word.start_ms for word in words]
        first = bisect_left(starts, partial.start_ms - EDGE_MS)
        if first == len(words) or starts[first] >= partial.end_ms:
            return partial.start_ms, True
        before_ms = words[first - 1].end_ms if first else -SILENCE_MS
        return starts[first], starts[first] - before_ms >= SILENCE_MS

    def _last_sound_ms(self, channel: int, start_ms: int, end_ms: int) -> int:
        """Return where the last word of a segment ends; its own end where none does."""
        words = self._words.get(channel, [])
        index = bisect_right([word.end_ms for word in words], end_ms + EDGE_MS)
        if index and words[index - 1].end_ms > start_ms:
            return words[index - 1].end_ms
        return end_ms

"""Latencies of a call, measured from outside in wall-clock time.

Each kind of result has three: the time since its *sound*, which includes all that the pipeline
waits for on purpose, such as the silence that ends a segment; the *lag*, since the audio that
decided it was captured, which is the time that the machine takes; and the time since the
``captured_at_ns`` of the message itself.
"""

from dataclasses import dataclass, field

from schemas.audio import AudioMessage, CallStarted
from schemas.base import Message
from schemas.transcripts import SpeechActivity, TranscriptFinal, TranscriptPartial
from schemas.turns import TurnEnded, TurnEndPredicted

_NS_PER_MS = 1_000_000
_ENDS_BY_SILENCE = frozenset({"semantic", "silence", "ceiling"})


@dataclass(slots=True)
class Delays:
    """Delays of one kind of result."""

    sound_ms: list[float] = field(default_factory=list)
    lag_ms: list[float] = field(default_factory=list)
    captured_ms: list[float] = field(default_factory=list)


class LatencyMeter:
    """Measures one call.

    Args:
        call_id: Messages of other calls are ignored.
        speed: Times real time at which the call is replayed; None for as fast as possible, where
            the time of a sound is not known.

    Attributes:
        first_partial: Of each segment, since its first sound.
        final: Of each segment with words, since the end of its speech.
        end_of_turn: Since the turn's last sound.
        predicted_end: The prediction since the turn's last sound, of the turns whose end was
            predicted and not withdrawn.
        withdrawn_ends: Number of predictions that were withdrawn.
    """

    def __init__(self, call_id: str, speed: float | None) -> None:
        self._call_id = call_id
        self._speed = speed
        self._origin_ns: int | None = None
        self._seen_segments: set[str] = set()
        self._speech_since_ms: dict[int, int] = {}
        self.first_partial = Delays()
        self.final = Delays()
        self.end_of_turn = Delays()
        self.predicted_end = Delays()
        self.withdrawn_ends = 0
        self._predictions: dict[str, tuple[TurnEndPredicted, int]] = {}

    def feed(self, message: Message | AudioMessage, arrived_at_ns: int) -> None:
        """Take a message that a consumer got at ``arrived_at_ns``."""
        if message.call_id != self._call_id:
            return
        match message:
            case CallStarted():
                self._origin_ns = message.captured_at_ns
            case SpeechActivity(is_speech=True):
                self._speech_since_ms[message.channel] = message.since_ms
            case TranscriptPartial() if message.segment_id not in self._seen_segments:
                if message.text:
                    self._seen_segments.add(message.segment_id)
                    spoken_ms = self._speech_since_ms.get(message.channel, 0)
                    sound_ms = max(message.start_ms, spoken_ms)  # segments begin before speech
                    audio_ms = (sound_ms, message.end_ms)
                    self._add(self.first_partial, message, audio_ms, arrived_at_ns)
            case TranscriptFinal() if message.text:
                self._seen_segments.add(message.segment_id)
                audio_ms = (message.end_ms, message.at_ms)
                self._add(self.final, message, audio_ms, arrived_at_ns)
            case TurnEndPredicted(is_withdrawn=True):
                self.withdrawn_ends += self._predictions.pop(message.turn_id, None) is not None
            case TurnEndPredicted():
                self._predictions[message.turn_id] = (message, arrived_at_ns)
            case TurnEnded():
                self._end_turn(message, arrived_at_ns)
            case _:
                pass

    def _end_turn(self, turn: TurnEnded, arrived_at_ns: int) -> None:
        prediction = self._predictions.pop(turn.turn_id, None)
        if turn.reason not in _ENDS_BY_SILENCE:
            return
        self._add(self.end_of_turn, turn, (turn.end_ms, turn.at_ms), arrived_at_ns)
        if prediction is not None:
            message, predicted_at_ns = prediction
            self._add(self.predicted_end, message, (turn.end_ms, message.at_ms), predicted_at_ns)

    def _add(
        self, delays: Delays, message: Message, audio_ms: tuple[int, int], arrived_at_ns: int
    ) -> None:
        """Add the delays of a message; ``audio_ms`` is the audio clock of sound and decision."""
        delays.captured_ms.append((arrived_at_ns - message.captured_at_ns) / _NS_PER_MS)
        if self._origin_ns is None or self._speed is None:
            return
        for values, at_ms in zip((delays.sound_ms, delays.lag_ms), audio_ms, strict=True):
            made_at_ns = self._origin_ns + int(at_ms * _NS_PER_MS / self._speed)
            values.append((arrived_at_ns - made_at_ns) / _NS_PER_MS)

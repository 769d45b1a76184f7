"""Return what partials foretell of the ends of turns, for screens and for answers begun early.

A prediction goes out once when the probability of the open turn's text passes the threshold. It is
withdrawn when later words bring the probability well below, when the speaker goes on after a
silence, or when its turn turns out to be noise; the end of the turn confirms it. Nothing of it is
in a checkpoint and nothing of a turn rests on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models.turns.text import spoken_form
from schemas.base import Message
from schemas.transcripts import TranscriptPartial
from schemas.turns import TurnEnded
from stream_app.calls.dictation import dictation
from stream_app.calls.effects import Emit
from stream_app.calls.endpointing import TurnConfig
from stream_app.calls.judgement import Judgement, JudgementRequest, TurnJudge, variant_of
from stream_app.calls.turn_messages import predicted_message
from stream_app.calls.turn_state import ChannelTurns, OpenTurn


@dataclass(frozen=True, slots=True)
class _Standing:
    """A prediction that has gone out and was not withdrawn.

    Attributes:
        request: Whose judgement led to it.
        probability: Of the end of the turn.
    """

    request: JudgementRequest
    probability: float


class TurnPredictions:
    """The predictions of one call.

    Args:
        config: Thresholds.
    """

    def __init__(self, config: TurnConfig) -> None:
        self._config = config
        self._standing: dict[int, _Standing] = {}

    @staticmethod
    def request(
        channel: ChannelTurns, partial: TranscriptPartial, judge: TurnJudge
    ) -> JudgementRequest | None:
        """Return what to ask because of a partial, None if it says nothing of the open turn."""
        turn = channel.turn
        if turn is None or partial.segment_id in turn.segment_ids:
            return None
        if partial.end_ms <= channel.covered_ms or not spoken_form(partial.text):
            return None
        return JudgementRequest(
            call_id=partial.call_id,
            channel=channel.channel,
            judge=judge,
            text=f"{turn.text} {partial.text}".strip(),
            turn_start_ms=turn.start_ms,
            segment_id=partial.segment_id,
            at_ms=partial.end_ms,
            captured_at_ns=partial.captured_at_ns,
            is_final=False,
        )

    def judged(self, channel: ChannelTurns | None, judgement: Judgement) -> list[Emit]:
        """Return what the answer about a partial foretells or takes back."""
        request = judgement.request
        turn = channel.turn if channel is not None else None
        if channel is None or turn is None or _is_outdated(turn, request):
            return []
        is_dictating = dictation(request.text) == "open"
        probability = 0.0 if is_dictating else judgement.rounded
        threshold = self._config.threshold(variant_of(request.judge.name))
        standing = self._standing.get(channel.channel)
        if standing is None:
            if probability < threshold:
                return []
            self._standing[channel.channel] = _Standing(request, probability)
            return [_emit(channel, request, probability)]
        if probability >= threshold - self._config.prediction_margin:
            return []
        return self._withdraw(channel, request.at_ms, request.captured_at_ns, probability)

    def review(
        self, channel: ChannelTurns, caused_by: Message, at_ms: int, messages: Iterable[Message]
    ) -> list[Emit]:
        """Return what the deterministic lane takes back.

        Args:
            channel: On which something came.
            caused_by: What came.
            at_ms: Its audio clock.
            messages: To which it led.
        """
        standing = self._standing.get(channel.channel)
        if standing is None:
            return []
        start_ms = standing.request.turn_start_ms
        ends = (m for m in messages if isinstance(m, TurnEnded) and m.channel == channel.channel)
        if any(end.start_ms == start_ms for end in ends):
            del self._standing[channel.channel]
            return []
        if self._holds(channel, standing):
            return []
        turn = channel.turn
        probability = max(turn.probability, 0.0) if turn is not None else 0.0
        return self._withdraw(channel, at_ms, caused_by.captured_at_ns, probability)

    def _holds(self, channel: ChannelTurns, standing: _Standing) -> bool:
        """Return whether the turn of a prediction still looks as if it ended."""
        turn, request = channel.turn, standing.request
        if turn is None or turn.start_ms != request.turn_start_ms:
            return False
        if turn.is_speaking and turn.speaking_since_ms > request.at_ms:
            return False
        if request.segment_id not in turn.segment_ids or turn.probability < 0:
            return True
        threshold = self._config.threshold(variant_of(request.judge.name))
        is_likely = turn.probability >= threshold - self._config.prediction_margin
        return is_likely and turn.dictation != "open"

    def _withdraw(
        self, channel: ChannelTurns, at_ms: int, captured_at_ns: int, probability: float
    ) -> list[Emit]:
        standing = self._standing.pop(channel.channel)
        message = predicted_message(
            standing.request,
            channel,
            (at_ms, captured_at_ns),
            probability=min(probability, standing.probability),
            is_withdrawn=True,
        )
        return [Emit(message, is_volatile=True)]


def _is_outdated(turn: OpenTurn, request: JudgementRequest) -> bool:
    return turn.start_ms != request.turn_start_ms or request.segment_id in turn.segment_ids


def _emit(channel: ChannelTurns, request: JudgementRequest, probability: float) -> Emit:
    when = (request.at_ms, request.captured_at_ns)
    return Emit(
        predicted_message(request, channel, when, probability=probability), is_volatile=True
    )

"""Ends of turns predicted from partials, for screens and for answers that are prepared early.

A prediction is emitted once, when the probability of the open turn's text passes the threshold. It
is withdrawn when later words bring the probability well below, when the speaker goes on after a
silence, or when its turn was noise; the end of the turn confirms it. No checkpoint holds it, and
no turn depends on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models.text.spoken_form import spoken_form
from schemas.base import Message
from schemas.transcripts import TranscriptPartial
from schemas.turns import TurnEnded
from stream_app.calls.counters import CallCounters
from stream_app.calls.detect_turns.dictation.rules import dictation
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import (
    Judgement,
    JudgementRequest,
    TurnJudge,
    variant_of,
)
from stream_app.calls.detect_turns.turn_messages import predicted_message
from stream_app.calls.detect_turns.turn_state import ChannelTurns, OpenTurn
from stream_app.calls.effects import Emit


@dataclass(frozen=True, slots=True)
class _OpenPrediction:
    """A prediction that was emitted and not withdrawn.

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
        counters: Where predictions, and those taken back, are counted.
    """

    def __init__(self, config: TurnConfig, counters: CallCounters) -> None:
        self._config = config
        self._counters = counters
        self._open: dict[int, _OpenPrediction] = {}

    @staticmethod
    def request(
        channel: ChannelTurns, partial: TranscriptPartial, judge: TurnJudge
    ) -> JudgementRequest | None:
        """Return the request for a partial, None if it says nothing about the open turn."""
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

    def update(self, channel: ChannelTurns | None, judgement: Judgement) -> list[Emit]:
        """Return the prediction that the answer about a partial leads to, or its withdrawal."""
        request = judgement.request
        turn = channel.turn if channel is not None else None
        if channel is None or turn is None or _is_outdated(turn, request):
            return []
        is_dictating = dictation(request.text) == "open"
        probability = 0.0 if is_dictating else judgement.rounded
        threshold = self._config.threshold(variant_of(request.judge.name))
        prediction = self._open.get(channel.channel)
        if prediction is None:
            if probability < threshold:
                return []
            self._open[channel.channel] = _OpenPrediction(request, probability)
            self._counters.predicted_ends += 1
            return [_emit(channel, request, probability)]
        if probability >= threshold - self._config.prediction_margin:
            return []
        return self._withdraw(channel, request.at_ms, request.captured_at_ns, probability)

    def review(
        self, channel: ChannelTurns, caused_by: Message, at_ms: int, messages: Iterable[Message]
    ) -> list[Emit]:
        """Return the withdrawals that the deterministic lane leads to.

        Args:
            channel: Of the message.
            caused_by: The message of the lane.
            at_ms: Its audio clock.
            messages: To which it led.
        """
        prediction = self._open.get(channel.channel)
        if prediction is None:
            return []
        start_ms = prediction.request.turn_start_ms
        ends = (m for m in messages if isinstance(m, TurnEnded) and m.channel == channel.channel)
        if any(end.start_ms == start_ms for end in ends):
            del self._open[channel.channel]
            return []
        if self._holds(channel, prediction):
            return []
        turn = channel.turn
        probability = max(turn.probability, 0.0) if turn is not None else 0.0
        return self._withdraw(channel, at_ms, caused_by.captured_at_ns, probability)

    def _holds(self, channel: ChannelTurns, prediction: _OpenPrediction) -> bool:
        """Return whether the turn of a prediction is still likely to end there."""
        turn, request = channel.turn, prediction.request
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
        prediction = self._open.pop(channel.channel)
        self._counters.withdrawn_ends += 1
        message = predicted_message(
            prediction.request,
            channel,
            (at_ms, captured_at_ns),
            probability=min(probability, prediction.probability),
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

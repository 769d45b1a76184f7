"""The state machine of `detect_turns` run on a recorded lane, with its real model.

Answers are kept by text, so that a sweep over the settings asks the model once for each.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from benchmarks.turn_timing.systems.score import Decision, Prediction
from schemas.transcripts import TranscriptPartial, TranscriptTopicMessage
from schemas.turns import TurnEnded, TurnEndPredicted, TurnEndReason
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import Judgement, JudgementRequest, JudgeRouter
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Effect, Emit, Infer

NOT_DECIDED: tuple[TurnEndReason, ...] = ("call_ended", "stall")  # the audio ended, not the turn


class TurnOutcome(msgspec.Struct, frozen=True):
    """What a run of the machine over one lane said."""

    decisions: tuple[Decision, ...]
    predictions: tuple[Prediction, ...]
    reasons: tuple[TurnEndReason, ...]


@dataclass
class TextJudge:
    """Answers the machine's questions, each text once.

    Attributes:
        infer: The model, as the agent runs it.
        wall_ms: What each question took that was not known, one text at a time.
    """

    infer: Callable[[Sequence[JudgementRequest]], Sequence[Judgement]]
    wall_ms: list[float] = field(default_factory=list)
    _known: dict[tuple[str, str], float] = field(default_factory=dict)

    def answer(self, request: JudgementRequest) -> Judgement:
        """Return the probability of a request's text."""
        key = (request.judge.name, request.text)
        if key not in self._known:
            start_s = time.perf_counter()
            (judgement,) = self.infer([request])
            self.wall_ms.append(1000 * (time.perf_counter() - start_s))
            self._known[key] = judgement.probability
        return Judgement(request, self._known[key])


def run_turns(
    lane: Sequence[TranscriptTopicMessage],
    config: TurnConfig,
    *,
    router: JudgeRouter | None,
    judge: TextJudge,
) -> TurnOutcome:
    """Return when the machine of `detect_turns` ends the turns of a lane."""
    machine = CallTurns(lane[0].call_id, config, router=router)
    clock_ms = 0
    ended: list[TurnEnded] = []
    predicted: list[tuple[int, TurnEndPredicted]] = []
    for offset, message in enumerate(lane):
        clock_ms = max(clock_ms, _known_at_ms(message))
        for emitted in _carry_out(machine, machine.feed(message, offset), judge):
            if isinstance(emitted, TurnEnded) and emitted.reason not in NOT_DECIDED:
                ended.append(emitted)
            elif isinstance(emitted, TurnEndPredicted):
                predicted.append((clock_ms, emitted))
    return TurnOutcome(
        decisions=tuple(Decision(m.channel, m.at_ms) for m in ended),
        predictions=tuple(_predictions(predicted)),
        reasons=tuple(m.reason for m in ended),
    )


def _known_at_ms(message: TranscriptTopicMessage) -> int:
    """Return the audio clock at which a message can be written."""
    if isinstance(message, TranscriptPartial):
        return message.start_ms + message.revision
    return message.at_ms


def without_partials(lane: Sequence[TranscriptTopicMessage]) -> list[TranscriptTopicMessage]:
    """Return what decides: partials lead to predictions alone."""
    return [message for message in lane if not isinstance(message, TranscriptPartial)]


def _carry_out(machine: CallTurns, effects: Sequence[Effect], judge: TextJudge) -> list[object]:
    """Return the messages; every question is answered at once."""
    messages: list[object] = []
    waiting = list(effects)
    while waiting:
        effect = waiting.pop(0)
        if isinstance(effect, Emit):
            messages.append(effect.message)
        elif isinstance(effect, Infer) and isinstance(effect.request, JudgementRequest):
            waiting += machine.resolve(judge.answer(effect.request))
    return messages


def _predictions(predicted: Sequence[tuple[int, TurnEndPredicted]]) -> list[Prediction]:
    """Return each prediction, and whether it was withdrawn."""
    found: list[Prediction] = []
    standing: dict[int, int] = {}
    for at_ms, message in predicted:
        if not message.is_withdrawn:
            standing[message.channel] = len(found)
            found.append(Prediction(message.channel, at_ms, is_withdrawn=False))
        elif message.channel in standing:
            number = standing.pop(message.channel)
            found[number] = msgspec.structs.replace(found[number], is_withdrawn=True)
    return found

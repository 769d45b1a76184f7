"""The systems that end turns, each at the settings of its curve, on the same recorded lanes."""

from collections.abc import Iterator, Sequence

import msgspec

from benchmarks.turn_timing.calls.lanes import Lane
from benchmarks.turn_timing.calls.sets import TimedSet
from benchmarks.turn_timing.systems.callstream import (
    TextJudge,
    TurnOutcome,
    run_turns,
    without_partials,
)
from benchmarks.turn_timing.systems.score import (
    CallScore,
    Decision,
    Figures,
    PredictionFigures,
    figures_of,
    prediction_figures,
    score_call,
)
from benchmarks.turn_timing.systems.silence import silence_decisions
from benchmarks.turn_timing.systems.smart_turn import PIPECAT_THRESHOLD, SmartTurnCalls
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import JudgeRouter

SILENCE, SMART_TURN = "silence", "smart-turn"
CALLSTREAM = "callstream"
TRUE_WORDS = "callstream, true words"
NO_HOLD = "callstream, no entity hold"
TABLE_SILENCES_MS = (300, 500, 800, 1_200)
CURVE_SILENCES_MS = tuple(range(200, 3_001, 100))
CURVE_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
SMART_TURN_THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.97)


class SystemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A system at one setting.

    Attributes:
        setting: The value that its curve varies: a silence, or a threshold of the probability.
        is_default: As it comes; of silence, one of the table.
    """

    system: str
    setting: float
    is_default: bool
    figures: Figures


class Machine(msgspec.Struct, frozen=True):
    """What runs `detect_turns`: who judges, and the answers so far."""

    router: JudgeRouter
    judge: TextJudge

    def outcomes(self, lanes: Sequence[Lane], config: TurnConfig) -> list[TurnOutcome]:
        """Return what happens to the turns of each lane."""
        return [run_turns(lane, config, router=self.router, judge=self.judge) for lane in lanes]


def silence_rows(timed: TimedSet) -> Iterator[SystemRow]:
    """Yield pure silence at the settings of its curve."""
    for silence_ms in CURVE_SILENCES_MS:
        decisions = [
            silence_decisions(lane, len(call.parties), silence_ms=silence_ms)
            for call, lane in zip(timed.calls, timed.lanes, strict=True)
        ]
        is_default = silence_ms in TABLE_SILENCES_MS
        yield _row(timed, (SILENCE, silence_ms, is_default), decisions)


def callstream_rows(timed: TimedSet, machine: Machine, config: TurnConfig) -> Iterator[SystemRow]:
    """Yield our endpointing with the recognizer's words, the true ones, and without the hold."""
    systems = [(CALLSTREAM, timed.lanes, config), (NO_HOLD, timed.lanes, without_hold(config))]
    if timed.has_audio:
        systems.append((TRUE_WORDS, timed.true_lanes, config))
    for system, lanes, own in systems:
        deciding = [without_partials(lane) for lane in lanes]
        for threshold in sorted({*CURVE_THRESHOLDS, config.complete_probability}):
            outcomes = machine.outcomes(deciding, at_threshold(own, threshold))
            decisions = [outcome.decisions for outcome in outcomes]
            is_default = threshold == config.complete_probability
            yield _row(timed, (system, threshold, is_default), decisions)


def smart_turn_rows(timed: TimedSet, smart_turn: SmartTurnCalls) -> Iterator[SystemRow]:
    """Yield smart-turn at several thresholds of its probability."""
    for threshold in SMART_TURN_THRESHOLDS:
        decisions = [
            smart_turn.decisions(call, lane, threshold=threshold)
            for call, lane in zip(timed.calls, timed.lanes, strict=True)
        ]
        is_default = threshold == PIPECAT_THRESHOLD
        yield _row(timed, (SMART_TURN, threshold, is_default), decisions)


def prediction_rate(timed: TimedSet, machine: Machine, config: TurnConfig) -> PredictionFigures:
    """Return how early partials predict the ends of turns."""
    outcomes = machine.outcomes(timed.lanes, config)
    return prediction_figures(timed.calls, [outcome.predictions for outcome in outcomes])


def at_threshold(config: TurnConfig, threshold: float) -> TurnConfig:
    """Return the settings with another threshold for every variant; both bounds move together."""
    uncertain = config.complete_probability - config.incomplete_probability
    return msgspec.structs.replace(
        config,
        complete_probability=threshold,
        incomplete_probability=max(threshold - uncertain, 0.0),
        thresholds={},
    )


def without_hold(config: TurnConfig) -> TurnConfig:
    """Return the settings under which dictation is not held open."""
    return msgspec.structs.replace(config, dictation_silence_ms=0)


def scores_of(timed: TimedSet, decisions: Sequence[Sequence[Decision]]) -> list[CallScore]:
    """Return what the decisions did to each call."""
    return [score_call(call, own) for call, own in zip(timed.calls, decisions, strict=True)]


def _row(
    timed: TimedSet,
    key: tuple[str, float, bool],
    decisions: Sequence[Sequence[Decision]],
) -> SystemRow:
    system, setting, is_default = key
    figures = figures_of(scores_of(timed, decisions))
    return SystemRow(system=system, setting=setting, is_default=is_default, figures=figures)

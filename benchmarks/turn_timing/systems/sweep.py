"""Which settings of our endpointing are best: drawn at random on calls that no figure is taken of.

For each budget of false cut-offs the fastest settings within it are chosen on the tuning calls,
and then measured on the others.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
from rich.progress import Progress

from benchmarks.turn_timing.calls.sets import TimedSet
from benchmarks.turn_timing.systems.callstream import without_partials
from benchmarks.turn_timing.systems.curves import Machine, scores_of
from benchmarks.turn_timing.systems.score import Figures, figures_of, point_of
from stream_app.calls.detect_turns.endpointing import TurnConfig

BUDGETS = (0.03, 0.05, 0.08, 0.10, 0.15, 0.20)
TRIALS = 240
CHOICES: dict[str, tuple[float, ...]] = {
    "complete_silence_ms": (300, 400, 500, 600),
    "uncertain_silence_ms": (400, 700, 900, 1_200, 1_500, 1_800),
    "incomplete_silence_ms": (1_200, 1_500, 1_800, 2_100, 2_400, 2_700),
    "dictation_silence_ms": (1_200, 1_500, 1_800, 2_100, 2_400, 2_700),
    "complete_probability": (0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    "incomplete_probability": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
}


class Trial(msgspec.Struct, frozen=True):
    """Settings, and false cut-off rate and median delay on the tuning calls."""

    settings: dict[str, float]
    false_cut_off_rate: float
    delay_p50_ms: float


class Choice(msgspec.Struct, frozen=True):
    """The fastest settings within a budget, and what they do on the other calls."""

    budget: float
    trial: Trial
    figures: Figures


def sweep_settings(
    tuning: TimedSet, measured: TimedSet, machine: Machine, base: TurnConfig, progress: Progress
) -> list[Choice]:
    """Return the fastest settings within each budget of false cut-offs.

    Args:
        tuning: Calls on which settings are chosen.
        measured: Calls on which they are measured.
        machine: Runs the turns.
        base: Settings that are not tried.
        progress: Shows how far it is.
    """
    trials = [
        _trial(tuning, machine, base, settings)
        for settings in progress.track(list(draw_settings(TRIALS)), description="settings")
    ]
    choices = []
    for budget in BUDGETS:
        best = fastest_within(trials, budget)
        if best is not None:
            scores = _scores(measured, machine, base, best.settings)
            choices.append(Choice(budget, best, figures_of(scores)))
    return choices


def draw_settings(count: int) -> Iterator[dict[str, float]]:
    """Yield settings in which a more complete text never waits longer, the same every time."""
    random = Random("turn-timing-sweep")
    while count:
        drawn = {name: random.choice(values) for name, values in CHOICES.items()}
        silences = [drawn[f"{name}_silence_ms"] for name in ("complete", "uncertain", "incomplete")]
        is_ordered = silences == sorted(silences)
        if is_ordered and drawn["incomplete_probability"] < drawn["complete_probability"]:
            count -= 1
            yield drawn


def fastest_within(trials: list[Trial], budget: float) -> Trial | None:
    """Return the trial of the least delay that cuts off no more, the one that cuts off least."""
    within = [trial for trial in trials if trial.false_cut_off_rate <= budget]
    return min(within, key=lambda t: (t.delay_p50_ms, t.false_cut_off_rate), default=None)


def _trial(
    timed: TimedSet, machine: Machine, base: TurnConfig, settings: dict[str, float]
) -> Trial:
    return Trial(settings, *point_of(_scores(timed, machine, base, settings)))


def _scores(timed: TimedSet, machine: Machine, base: TurnConfig, settings: dict[str, Any]) -> Any:
    config = msgspec.structs.replace(base, **settings)
    lanes = [without_partials(lane) for lane in timed.lanes]
    outcomes = machine.outcomes(lanes, config)
    return scores_of(timed, [outcome.decisions for outcome in outcomes])

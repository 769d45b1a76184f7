"""False cut-offs and end-of-turn delays of a system, from its decisions and the truth.

A decision is weighed against the last moment before it at which its channel fell silent: a pause
within a turn was cut off by it, an end of turn was found by it. The delay is that of the audio
clock, from the true end of speech to the decision. An end that is found after the party has begun
to speak again, or never, is missed: its delay counts as longer than every other.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from benchmarks.core.spread import BOOTSTRAPS, bootstrap_interval
from benchmarks.turn_timing.calls.script import PauseKind
from benchmarks.turn_timing.calls.truth import TimedCall, TruePause, TrueTurn
from stream_app.live.percentile import percentile

EARLY_MS = 150  # voice activity may end this long before the last sound
NEVER_MS = 1e9  # stands for an infinite delay where one has to be reckoned with
LATE_MS = 400  # what is decided so soon after the speech went on was decided on the pause
OWN_SILENCE_MS = 3_600  # decisions later than this after an end do not belong to it
OBSERVED_MS = 1_500  # an end is counted if its party is silent for this long after it
UNFINISHED: tuple[PauseKind, ...] = ("mid_sentence", "dictation")  # no doubt: more was to come


class Decision(msgspec.Struct, frozen=True):
    """A system says at ``at_ms`` of the audio clock that the turn of a channel is over."""

    channel: int
    at_ms: int


class Prediction(msgspec.Struct, frozen=True):
    """A predicted end of a turn, at the audio clock at which that could be known."""

    channel: int
    at_ms: int
    is_withdrawn: bool


class WeighedPause(msgspec.Struct, frozen=True):
    """A pause within a turn, and whether a decision cut the turn off there."""

    kind: PauseKind
    duration_ms: int
    is_cut: bool


class CallScore(msgspec.Struct, frozen=True):
    """One call and one system.

    Attributes:
        delays_ms: From each true end of turn to its decision; inf where there was none in time.
        elsewhere: Decisions while the party spoke without a planted pause.
    """

    pauses: tuple[WeighedPause, ...]
    delays_ms: tuple[float, ...]
    elsewhere: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a system does over some calls.

    Attributes:
        false_cut_off_rate: Share of the pauses in mid-sentence and in dictation that it cut off.
        by_kind: The same of each kind of pause; one between sentences may well end a turn.
        delay_p50_ms: Median over the true ends of turns; None where more than half were missed.
        missed: Share of the ends that it missed.
        elsewhere: Decisions in mid-speech, for each true turn.
    """

    false_cut_off_rate: float
    false_cut_off_interval: tuple[float, float]
    by_kind: dict[str, float]
    counts: dict[str, int]
    delay_p50_ms: float | None
    delay_p50_interval_ms: tuple[float | None, float | None]
    delay_p95_ms: float | None
    ends: int
    missed: float
    elsewhere: float


def score_call(call: TimedCall, decisions: Iterable[Decision]) -> CallScore:
    """Return what the decisions did to the turns of a call."""
    by_channel: dict[int, list[int]] = {}
    for decision in decisions:
        by_channel.setdefault(decision.channel, []).append(decision.at_ms)
    pauses: list[WeighedPause] = []
    delays: list[float] = []
    elsewhere = 0
    for channel in range(len(call.parties)):
        moments = sorted(by_channel.get(channel, ()))
        scored = _score_channel(call.turns_of(channel), moments, call.duration_ms)
        pauses += scored.pauses
        delays += scored.delays_ms
        elsewhere += scored.elsewhere
    return CallScore(tuple(pauses), tuple(delays), elsewhere)


def _score_channel(
    turns: Sequence[TrueTurn], moments: Sequence[int], duration_ms: int
) -> CallScore:
    pauses: list[WeighedPause] = []
    delays: list[float] = []
    elsewhere = 0
    for number, turn in enumerate(turns):
        is_last = number == len(turns) - 1
        next_ms = duration_ms if is_last else turns[number + 1].start_ms
        own = [at for at in moments if turn.start_ms <= at < next_ms]
        ended = [at for at in own if at >= turn.end_ms - EARLY_MS]
        cuts = [at for at in own if at < turn.end_ms - EARLY_MS]
        if next_ms - turn.end_ms >= OBSERVED_MS:
            delays.append(float(max(ended[0] - turn.end_ms, 0)) if ended else math.inf)
        hit = [_pause_of(turn, at) for at in cuts]
        elsewhere += hit.count(None)
        pauses += [WeighedPause(p.kind, p.duration_ms, p in hit) for p in turn.pauses]
    return CallScore(tuple(pauses), tuple(delays), elsewhere)


def _pause_of(turn: TrueTurn, at_ms: int) -> TruePause | None:
    """Return the pause in which something was decided, None in mid-speech."""
    before = [pause for pause in turn.pauses if pause.start_ms - EARLY_MS <= at_ms]
    return before[-1] if before and at_ms <= before[-1].end_ms + LATE_MS else None


def point_of(scores: Sequence[CallScore]) -> tuple[float, float]:
    """Return false cut-off rate and median delay alone; inf where most ends were missed."""
    return _cut_off_rate(scores), _median_delay(scores)


def figures_of(scores: Sequence[CallScore]) -> Figures:
    """Return rates and delays over calls, with 95 % intervals from drawing calls again."""
    pauses = [pause for score in scores for pause in score.pauses]
    kinds = sorted({pause.kind for pause in pauses})
    delays = [delay for score in scores for delay in score.delays_ms]
    low, high = _rate_interval(scores)
    fast, slow = _median_interval(scores)
    return Figures(
        false_cut_off_rate=round(_cut_off_rate(scores), 4),
        false_cut_off_interval=(round(low, 4), round(high, 4)),
        by_kind={kind: round(_rate(p for p in pauses if p.kind == kind), 4) for kind in kinds},
        counts={kind: sum(p.kind == kind for p in pauses) for kind in kinds},
        delay_p50_ms=_finite(percentile(delays, 50)),
        delay_p50_interval_ms=(_finite(fast), _finite(slow)),
        delay_p95_ms=_finite(percentile(delays, 95)),
        ends=len(delays),
        missed=round(sum(map(math.isinf, delays)) / len(delays), 4) if delays else 0.0,
        elsewhere=round(sum(s.elsewhere for s in scores) / len(delays), 4) if delays else 0.0,
    )


def _rate_interval(scores: Sequence[CallScore]) -> tuple[float, float]:
    own = [[p.is_cut for p in score.pauses if p.kind in UNFINISHED] for score in scores]
    cut = np.array([sum(pauses) for pauses in own])
    count = np.array([len(pauses) for pauses in own])
    return bootstrap_interval(
        len(scores), lambda drawn: cut[drawn].sum() / max(count[drawn].sum(), 1)
    )


def _median_interval(scores: Sequence[CallScore]) -> tuple[float, float]:
    """Return the interval of the median delay, ``NEVER_MS`` where it is infinite."""
    delays = np.array([delay for score in scores for delay in score.delays_ms])
    owners = np.repeat(np.arange(len(scores)), [len(score.delays_ms) for score in scores])
    order = np.argsort(delays, kind="stable")
    delays, owners = np.minimum(delays[order], NEVER_MS), owners[order]

    def median(drawn: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> float:
        weights = np.bincount(drawn, minlength=len(scores))[owners].cumsum()
        if not len(weights) or not weights[-1]:
            return NEVER_MS
        return float(delays[np.searchsorted(weights, weights[-1] / 2)])

    return bootstrap_interval(len(scores), median)


def _cut_off_rate(scores: Sequence[CallScore]) -> float:
    return _rate(p for score in scores for p in score.pauses if p.kind in UNFINISHED)


def _rate(pauses: Iterable[WeighedPause]) -> float:
    cut = [pause.is_cut for pause in pauses]
    return sum(cut) / len(cut) if cut else 0.0


def _median_delay(scores: Sequence[CallScore]) -> float:
    return percentile([delay for score in scores for delay in score.delays_ms], 50)


def _finite(value: float) -> float | None:
    """Return a delay, None for one that is infinite or an interval that reaches so far."""
    return round(value, 1) if value < NEVER_MS / BOOTSTRAPS else None


class PredictionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How early ends of turns are predicted, and how often wrongly.

    Attributes:
        predicted: Share of the ends of turns with a prediction that stood.
        delay_p50_ms: Of these, from the true end of speech; below 0 it came before that.
        paused_rate: Share of the pauses in mid-sentence and in dictation with a prediction.
        withdrawn: Predictions taken back, for each turn.
    """

    predicted: float
    delay_p50_ms: float | None
    delay_p95_ms: float | None
    paused_rate: float
    withdrawn: float


def prediction_figures(
    calls: Sequence[TimedCall], predicted: Sequence[Sequence[Prediction]]
) -> PredictionFigures:
    """Return what predictions are worth.

    Args:
        calls: With the truth.
        predicted: The predictions of each call.
    """
    delays: list[float] = []
    is_predicted: list[bool] = []
    ends = 0
    for call, own in zip(calls, predicted, strict=True):
        for turn in call.turns:
            ends += 1
            theirs = [one for one in own if one.channel == turn.channel]
            delays += _standing_delay(turn, theirs)
            moments = [one.at_ms for one in theirs if one.at_ms < turn.end_ms - EARLY_MS]
            hit = [_pause_of(turn, at_ms) for at_ms in moments if at_ms >= turn.start_ms]
            is_predicted += [p in hit for p in turn.pauses if p.kind in UNFINISHED]
    withdrawn = sum(one.is_withdrawn for own in predicted for one in own)
    return PredictionFigures(
        predicted=round(len(delays) / ends, 4) if ends else 0.0,
        delay_p50_ms=_finite(percentile(delays, 50)),
        delay_p95_ms=_finite(percentile(delays, 95)),
        paused_rate=round(sum(is_predicted) / len(is_predicted), 4) if is_predicted else 0.0,
        withdrawn=round(withdrawn / ends, 4) if ends else 0.0,
    )


def _standing_delay(turn: TrueTurn, predictions: Sequence[Prediction]) -> list[float]:
    """Return the delay of the first prediction of a turn's last words that stood, if any."""
    from_ms = turn.pauses[-1].end_ms if turn.pauses else turn.start_ms
    standing = [
        float(one.at_ms - turn.end_ms)
        for one in predictions
        if not one.is_withdrawn and from_ms <= one.at_ms < turn.end_ms + OWN_SILENCE_MS
    ]
    return standing[:1]


def delay_at_rate(curve: Sequence[tuple[float, float]], rate: float) -> float | None:
    """Return the delay at which a system cuts off no more than ``rate``.

    Args:
        curve: False cut-off rate and median delay of its settings.
        rate: Between two settings the delay is interpolated.

    Returns:
        None where no setting cuts off so little.
    """
    points = sorted(curve, key=lambda point: (point[1], -point[0]))
    for number, (cut_off, delay_ms) in enumerate(points):
        if cut_off > rate:
            continue
        if not number or points[number - 1][0] <= cut_off:
            return delay_ms
        before_rate, before_ms = points[number - 1]
        share = (before_rate - rate) / (before_rate - cut_off)
        return before_ms + share * (delay_ms - before_ms)
    return None

"""The sets of calls that turns are timed on, each with the lanes that all systems hear."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from benchmarks.turn_timing.calls.demo import DEMO_SET, read_demo_call
from benchmarks.turn_timing.calls.lanes import Lane, LaneRecorder, with_true_words
from benchmarks.turn_timing.calls.synthetic import CallOptions, make_calls
from benchmarks.turn_timing.calls.text import EARNINGS_SET, lane_of_words, spoken_turns
from benchmarks.turn_timing.calls.truth import TimedCall

SYNTHETIC_SET = "synthetic"


@dataclass(frozen=True, slots=True)
class TimedSet:
    """Calls, and what `transcribe` makes of each.

    Attributes:
        lanes: As recorded.
        true_lanes: With the words that were really said; the same ones where there is no audio.
    """

    name: str
    calls: tuple[TimedCall, ...]
    lanes: tuple[Lane, ...]
    true_lanes: tuple[Lane, ...]

    @property
    def has_audio(self) -> bool:
        """Whether there is anything to listen to."""
        return all(call.audio is not None for call in self.calls)


def recorded_sets(
    options: CallOptions, demo_call: Path, recorder: LaneRecorder, progress: Progress
) -> Iterator[TimedSet]:
    """Yield the sets with audio: the synthetic calls and the demo call."""
    calls = _with_progress(options, progress)
    yield _recorded(SYNTHETIC_SET, calls, recorder, progress)
    yield _recorded(DEMO_SET, (read_demo_call(demo_call),), recorder, progress)


def spoken_set(data: Path, *, most: int, pause_ms: int) -> TimedSet:
    """Return real turns of which the words and their times are known.

    Raises:
        MissingDataError: The data set is not there.
    """
    calls = tuple(spoken_turns(data, most=most))
    lanes = tuple(lane_of_words(call, pause_ms=pause_ms) for call in calls)
    return TimedSet(EARNINGS_SET, calls, lanes, lanes)


def _with_progress(options: CallOptions, progress: Progress) -> tuple[TimedCall, ...]:
    return tuple(progress.track(make_calls(options), options.calls, description="calls"))


def _recorded(
    name: str, calls: tuple[TimedCall, ...], recorder: LaneRecorder, progress: Progress
) -> TimedSet:
    lanes = tuple(
        recorder.record(call) for call in progress.track(calls, description=f"{name}: transcripts")
    )
    true_lanes = tuple(with_true_words(lane, call) for lane, call in zip(lanes, calls, strict=True))
    return TimedSet(name, calls, lanes, true_lanes)

"""Measure false cut-offs against end-of-turn delay: ours, pure silence and smart-turn."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.progress import Progress

from benchmarks.core.report import base_name, prepare_folder, save_report
from benchmarks.core.spread import percentiles
from benchmarks.turn_timing.calls.lanes import recorder
from benchmarks.turn_timing.calls.sets import TimedSet, recorded_sets, spoken_set
from benchmarks.turn_timing.calls.synthetic import CallOptions
from benchmarks.turn_timing.plot import plot
from benchmarks.turn_timing.systems.callstream import TextJudge
from benchmarks.turn_timing.systems.curves import (
    CALLSTREAM,
    SILENCE,
    SMART_TURN,
    Machine,
    SystemRow,
    callstream_rows,
    prediction_rate,
    silence_rows,
    smart_turn_rows,
)
from benchmarks.turn_timing.systems.score import UNFINISHED, delay_at_rate
from benchmarks.turn_timing.systems.smart_turn import SmartTurn, SmartTurnCalls
from benchmarks.turn_timing.systems.sweep import sweep_settings
from models.asr.engine import load_engine
from models.console import WorkProgress
from models.turns.store import Route, TurnModels
from schemas.errors import MissingExtraError
from stream_app.agents.detect_turns import judge, turn_config
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.settings import Settings
from training.core.errors import MissingDataError


class TurnTimingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        model: End-of-turn model: ``bundled``, or a path.
        variant: Of the model, for every party.
        calls: The synthetic ones.
        demo_call: Recording of the demo call, its reference beside it.
        data: Folder with ``text/earnings22_aligned``; None leaves real pauses out.
        spoken_turns: Of real calls, at most.
        pause_ms: Silence that ends a segment; 0 for that of the settings.
        work: Keeps transcripts and smart-turn's answers between runs.
        has_smart_turn: Ask pipecat's model too.
        has_sweep: Try many settings of our endpointing, on other synthetic calls.
    """

    model: str
    variant: str
    calls: CallOptions
    demo_call: Path
    data: Path | None
    spoken_turns: int
    pause_ms: int
    work: Path
    has_smart_turn: bool
    has_sweep: bool


def measure(options: TurnTimingOptions, *, out: Path) -> dict[str, Any]:
    """Return all curves, and write ``turn_timing.json`` and ``turn_timing.png``.

    Raises:
        CallstreamError: A model cannot be loaded, or a set cannot be read or made.
    """
    prepare_folder(out)
    with WorkProgress() as progress:
        bench = _Bench(options, progress)
        sets = list(bench.sets())
        figures = {
            "options": _described(options),
            "models": bench.names(),
            "settings": msgspec.to_builtins(bench.config),
            "sets": {timed.name: bench.measure(timed) for timed in sets},
            "wall_ms": bench.wall_times(),
            "skipped": bench.skipped,
            "sweep": bench.sweep(sets[0]) if options.has_sweep else None,
        }
    for line in bench.skipped:
        progress.console.print(line)
    report = save_report("turn_timing", figures, out)
    plot(report, out / "turn_timing.png")
    return report


def _described(options: TurnTimingOptions) -> dict[str, Any]:
    """Return the options without the folders."""
    named = msgspec.structs.replace(options, model=base_name(options.model))
    described: dict[str, Any] = msgspec.to_builtins(named, enc_hook=base_name)
    return described


class _Bench:
    """Everything that is loaded once.

    Attributes:
        config: When turns end by the settings.
        skipped: One line for each part that is left out.
    """

    def __init__(self, options: TurnTimingOptions, progress: Progress) -> None:
        self.skipped: list[str] = []
        self._options = options
        self._progress = progress
        settings = Settings()
        self.config: TurnConfig = turn_config(settings.turns)
        route = Route(variant=options.variant)
        self._models = TurnModels(options.model, routes=[route])
        self._machine = Machine(self._models, TextJudge(judge))
        engine = load_engine(settings.asr.model)
        self._recognizer = engine.name
        self._pause_ms = options.pause_ms or settings.segments.pause_ms
        self._recorder = recorder(
            engine, settings, pause_ms=self._pause_ms, cache=options.work / "lanes"
        )
        self._smart_turn = self._load_smart_turn() if options.has_smart_turn else None

    def names(self) -> dict[str, str]:
        """Return what was measured with which weights."""
        asked = self._models.judge(party="customer", domain="", language="en")
        names = {"turns": asked.name if asked else "none", "asr": self._recognizer}
        return names | ({"smart-turn": self._smart_turn.name} if self._smart_turn else {})

    def sets(self) -> Iterator[TimedSet]:
        """Yield the sets that are there."""
        options = self._options
        yield from recorded_sets(options.calls, options.demo_call, self._recorder, self._progress)
        if options.data is None:
            self.skipped.append("no --data: real pauses (earnings22_aligned) are left out")
            return
        try:
            yield spoken_set(options.data, most=options.spoken_turns, pause_ms=self._pause_ms)
        except MissingDataError as error:
            self._progress.console.print(str(error))
            self.skipped.append("real pauses are left out: earnings22_aligned is not in --data")

    def measure(self, timed: TimedSet) -> dict[str, Any]:
        """Return every system's figures on a set."""
        task = self._progress.add_task(f"{timed.name}: turns", total=None)
        rows = [*silence_rows(timed), *callstream_rows(timed, self._machine, self.config)]
        if self._smart_turn is not None and timed.has_audio:
            rows += smart_turn_rows(timed, self._smart_turn)
            self._smart_turn.save()
        self._progress.remove_task(task)
        return {
            "calls": len(timed.calls),
            "minutes": round(sum(call.duration_ms for call in timed.calls) / 60_000, 1),
            "turns": sum(len(call.turns) for call in timed.calls),
            "systems": [msgspec.to_builtins(row) for row in rows],
            "equal_cut_offs": compare(rows),
            "predictions": msgspec.to_builtins(prediction_rate(timed, self._machine, self.config))
            if timed.has_audio
            else None,
        }

    def wall_times(self) -> dict[str, Any]:
        """Return what a judgement takes on this machine, beside the audio clock."""
        times = {CALLSTREAM: percentiles(self._machine.judge.wall_ms, 2)}
        if self._smart_turn is not None:
            times[SMART_TURN] = percentiles(self._smart_turn.wall_ms, 2)
        return times

    def sweep(self, measured: TimedSet) -> list[dict[str, Any]]:
        """Return the best settings, chosen on calls of another seed."""
        other = msgspec.structs.replace(self._options.calls, seed=self._options.calls.seed + 1)
        tuning, *_ = recorded_sets(other, self._options.demo_call, self._recorder, self._progress)
        choices = sweep_settings(tuning, measured, self._machine, self.config, self._progress)
        return [msgspec.to_builtins(choice) for choice in choices]

    def _load_smart_turn(self) -> SmartTurnCalls | None:
        try:
            model = SmartTurn()
        except MissingExtraError as error:
            self.skipped.append(str(error))
            return None
        return SmartTurnCalls(model, self._options.work / f"{model.file_name}.json")


def compare(rows: Sequence[SystemRow]) -> list[dict[str, Any]]:
    """Return, for each system as it comes, the delay of pure silence that cuts off as little.

    Nothing where no pause is known for certain to be none between turns.
    """
    if not any(row.figures.counts.get(kind) for row in rows for kind in UNFINISHED):
        return []
    curve = [
        (row.figures.false_cut_off_rate, row.figures.delay_p50_ms)
        for row in rows
        if row.system == SILENCE and row.figures.delay_p50_ms is not None
    ]
    compared = []
    for row in rows:
        delay_ms = row.figures.delay_p50_ms
        if row.system == SILENCE or not row.is_default or delay_ms is None:
            continue
        rate = row.figures.false_cut_off_rate
        silent_ms = delay_at_rate(curve, rate)
        compared.append(
            {
                "system": row.system,
                "false_cut_off_rate": rate,
                "delay_p50_ms": delay_ms,
                "silence_delay_p50_ms": None if silent_ms is None else round(silent_ms, 1),
                "ratio": None if not silent_ms else round(delay_ms / silent_ms, 3),
            }
        )
    return compared

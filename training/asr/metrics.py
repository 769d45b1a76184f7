"""What a run measures of itself: one JSON line at a time, a bar, and curves."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rich.progress import Progress, TimeElapsedColumn

from training.errors import MissingDataError
from training.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

METRICS_NAME = "metrics.jsonl"
REPORT_STEPS = 25
_LOSSES = ("token", "phone", "ctc", "attention", "validation_loss")
_VALIDATION_WER = "validation_wer"


class MetricsLog(Shown):
    """Means of the figures and sums of the counts: a JSON line every so many steps, and a bar.

    Lines of steps after ``step``, which a run that was broken off left behind, are dropped.

    Args:
        path: File of the lines.
        name: Title of the bar.
        steps: Of the whole run.
        step: That the run begins at.
        report_steps: Steps of one line.
    """

    def __init__(
        self, path: Path, name: str, *, steps: int, step: int, report_steps: int = REPORT_STEPS
    ) -> None:
        self._path = path
        self._report_steps = report_steps
        super().__init__(Progress(*Progress.get_default_columns(), TimeElapsedColumn()))
        self._task = self._progress.add_task(name, total=steps, completed=step)
        self._figures: defaultdict[str, float] = defaultdict(float)
        self._counts: defaultdict[str, float] = defaultdict(float)
        self._steps = 0
        self._since = time.perf_counter()
        _drop_after(path, step)

    def add(self, step: int, figures: Mapping[str, float], counts: Mapping[str, float]) -> None:
        """Take in one step: ``figures`` are averaged over a line, ``counts`` are summed."""
        for name, figure in figures.items():
            self._figures[name] += figure
        for name, count in counts.items():
            self._counts[name] += count
        self._steps += 1
        self._progress.update(self._task, completed=step)
        if step % self._report_steps:
            return
        now = time.perf_counter()
        row: dict[str, float] = {"step": step, "seconds": round(now - self._since, 2)}
        means = {name: total / self._steps for name, total in self._figures.items()}
        row |= {name: _rounded(value) for name, value in (means | self._counts).items()}
        self._write(row)
        self._progress.update(self._task, description=f"token loss {row['token']:.3f}")
        self._figures.clear()
        self._counts.clear()
        self._steps = 0
        self._since = now

    def note(self, step: int, figures: Mapping[str, float]) -> None:
        """Write a line of its own for what is measured now and then, such as a validation."""
        self._write({"step": step} | {name: _rounded(value) for name, value in figures.items()})

    def _write(self, row: Mapping[str, float]) -> None:
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")


def _rounded(value: float) -> float:
    return float(f"{value:.6g}") if abs(value) < 1 else round(value, 4)


def _drop_after(path: Path, step: int) -> None:
    if not path.is_file():
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["step"] <= step]
    if len(kept) < len(lines):
        partial = path.with_suffix(".partial")
        partial.write_text("".join(kept), "utf-8")
        partial.replace(path)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the rows that training logged.

    Raises:
        MissingDataError: The folder holds no run.
    """
    path = folder / METRICS_NAME
    if not path.is_file():
        message = f"{path} is not there: it is written by the training"
        raise MissingDataError(message)
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def plot_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the losses, and the word error rate of the validations if any, as a PNG."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name in _LOSSES:
        steps, values = _curve(rows, name)
        if steps:
            axes.plot(steps, values, label=name.replace("_", " "), linewidth=1)
    axes.set(xlabel="step", ylabel="loss", yscale="log", title="training")
    axes.grid(visible=True, alpha=0.3)
    steps, rates = _curve(rows, _VALIDATION_WER)
    if steps:
        axes.plot([], [], "k.-", label="validation WER, right")
        right = axes.twinx()
        right.plot(steps, [100 * rate for rate in rates], "k.-", linewidth=1)
        right.set(ylabel="word error rate, %")
        right.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _curve(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    known = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
    return [step for step, _ in known], [value for _, value in known]

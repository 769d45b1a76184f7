"""The metrics of a run: a file of JSON lines, and a progress bar."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, TypeVar

from models.console import WorkProgress
from training.core.checkpoints import METRICS_NAME
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from training.core.loop import StepFigures

ItemT = TypeVar("ItemT")
REPORT_STEPS = 25


class MetricsLog(WorkProgress):
    """The figures of a run: a JSON line for every ``report_steps`` steps, and a progress bar.

    Lines of steps after ``step``, which a killed run left behind, are dropped.

    Args:
        path: File of the lines.
        name: Title of the bar.
        step: That the run begins at.
        report_steps: Steps of one line.
    """

    def __init__(
        self, path: Path, name: str, *, step: int, report_steps: int = REPORT_STEPS
    ) -> None:
        self._path = path
        self._report_steps = report_steps
        super().__init__()
        self._task = self.add_task(name, total=None, completed=step)
        self._means: defaultdict[str, float] = defaultdict(float)
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()
        self._since = time.perf_counter()
        _drop_after(path, step)

    def advanced(self, step: int, steps: int, figures: StepFigures) -> None:
        """Take in one step: sums are added up over the steps of a line.

        A mean is taken over the steps that have it. The last step always ends a line.
        """
        for name, value in figures.means.items():
            self._means[name] += value
            self._counts[name] += 1
        for name, value in figures.sums.items():
            self._sums[name] += value
        self.update(self._task, completed=step, total=steps)
        if step % self._report_steps == 0 or step == steps:
            self._report(step)

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Write a line of its own for a validation."""
        self._write({"step": step} | {name: _rounded(value) for name, value in figures.items()})

    def _report(self, step: int) -> None:
        now = time.perf_counter()
        row: dict[str, float] = {"step": step, "seconds": round(now - self._since, 2)}
        means = {name: total / self._counts[name] for name, total in self._means.items()}
        row |= {name: _rounded(value) for name, value in (means | self._sums).items()}
        self._write(row)
        loss, mean = next(iter(means.items()))
        self.update(self._task, description=f"{loss} loss {mean:.3f}")
        self._means.clear()
        self._sums.clear()
        self._counts.clear()
        self._since = now

    def _write(self, row: Mapping[str, float]) -> None:
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")


def tracked_of(total: int, items: Iterable[ItemT], description: str) -> Iterator[ItemT]:
    """Yield items, of which there are ``total``, and show meanwhile how many of them are done."""
    with WorkProgress() as progress:
        yield from progress.track(items, total=total, description=description)


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

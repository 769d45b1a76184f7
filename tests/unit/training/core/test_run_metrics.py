"""The lines and the curves of a run's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from training.core.checkpoints import METRICS_NAME
from training.core.curves import CURVE_NAME, plot_curves, plot_run
from training.core.loop import StepFigures
from training.core.run_metrics import MetricsLog, read_metrics

if TYPE_CHECKING:
    from pathlib import Path


def _log(folder: Path, *, steps: int) -> None:
    with MetricsLog(folder / METRICS_NAME, "run", step=0, report_steps=4) as metrics:
        for step in range(1, steps + 1):
            states = {"states": 2.0} if step % 2 else {}
            metrics.advanced(step, steps, StepFigures({"tokens": 1.0, **states}, {"clips": 3.0}))


def test_a_mean_is_over_the_steps_that_have_it(tmp_path: Path) -> None:
    """Every second step has states; sums are of all steps."""
    _log(tmp_path, steps=4)

    (row,) = read_metrics(tmp_path)

    assert (row["tokens"], row["states"], row["clips"]) == (1.0, 2.0, 12.0)


def test_the_last_steps_have_a_line_though_they_are_few(tmp_path: Path) -> None:
    _log(tmp_path, steps=6)

    rows = read_metrics(tmp_path)

    assert [(row["step"], row["clips"]) for row in rows] == [(4, 12.0), (6, 6.0)]
    assert rows[-1]["states"] == 2.0


@pytest.mark.parametrize("name", ["token", "tokens", "states"])
def test_every_loss_is_drawn(tmp_path: Path, name: str) -> None:
    """The picture is another one than that of a run without it."""
    rows = [{"step": 25, "seconds": 1.0}, {"step": 50, "seconds": 1.0}]
    plot_curves(rows, tmp_path / "none.png")
    plot_curves([row | {name: 2.0} for row in rows], tmp_path / "drawn.png")

    assert (tmp_path / "drawn.png").read_bytes() != (tmp_path / "none.png").read_bytes()


def test_a_run_without_figures_has_no_curve(tmp_path: Path) -> None:
    """And that is no error."""
    plot_run(tmp_path)
    assert not (tmp_path / CURVE_NAME).exists()

    _log(tmp_path, steps=1)
    plot_run(tmp_path)
    assert (tmp_path / CURVE_NAME).read_bytes().startswith(b"\x89PNG")

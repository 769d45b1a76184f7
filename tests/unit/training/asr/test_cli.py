"""The training commands' errors are one clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.speech_training.tone_speech import RECIPES
from training.core.curves import plot_curves
from training.core.errors import MissingDataError
from training.core.run_metrics import read_metrics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result


def test_a_wrong_setting_is_named(run_train: Callable[..., Result], tmp_path: Path) -> None:
    """Exit 2, the setting's name, no traceback."""
    arguments = ["asr", str(RECIPES / "tiny.toml"), "--set", "network.wide=3"]

    result = run_train(*arguments, "--work", tmp_path)

    assert result.exit_code == 2
    assert "wide" in result.output
    assert "Traceback" not in result.output


def test_a_missing_data_folder_is_named(run_train: Callable[..., Result], tmp_path: Path) -> None:
    """The message says which option must point elsewhere."""
    arguments = ["asr-synthesise", str(RECIPES / "tiny.toml"), "--data", str(tmp_path / "none")]

    result = run_train(*arguments, "--work", tmp_path)

    assert result.exit_code == 1
    assert str(tmp_path / "none") in result.output


def test_a_run_is_drawn(tmp_path: Path) -> None:
    """The curve is a PNG."""
    rows = [{"step": step, "token": 2.0, "phone": 1.0, "ctc": 3.0, "attention": 1.0}
            for step in (25, 50)]  # fmt: skip

    plot_curves(rows, tmp_path / "losses.png")

    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(MissingDataError, match="metrics"):
        read_metrics(tmp_path / "nowhere")

"""The training commands' errors are one clear line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.unit.training.tone_speech import RECIPES
from training.asr.export import export_checkpoint
from training.asr.metrics import plot_curves, read_metrics
from training.asr.run import train
from training.cli import app
from training.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

    from training.asr.recipe import Recipe
    from training.asr.run import DataFolders


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    """Exit 2, the setting's name, no traceback."""
    arguments = ["asr", str(RECIPES / "tiny.toml"), "--set", "network.wide=3"]

    result = CliRunner().invoke(app, [*arguments, "--work", str(tmp_path)])

    assert result.exit_code == 2
    assert "wide" in result.output
    assert "Traceback" not in result.output


def test_a_missing_data_folder_is_named(tmp_path: Path) -> None:
    """The message says which option must point elsewhere."""
    arguments = ["asr-synthesise", str(RECIPES / "tiny.toml"), "--data", str(tmp_path / "none")]

    result = CliRunner().invoke(app, [*arguments, "--work", str(tmp_path)])

    assert result.exit_code == 1
    assert str(tmp_path / "none") in result.output


def test_a_run_is_drawn_and_exported(
    data_folders: DataFolders, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """The curve is a PNG and ``asr-export`` writes what the library call writes."""
    checkpoint = train(tiny_recipe, data_folders, tmp_path / "run", resume=False)
    rows = [{"step": step, "token": 2.0, "phone": 1.0, "ctc": 3.0, "attention": 1.0}
            for step in (25, 50)]  # fmt: skip

    plot_curves(rows, tmp_path / "losses.png")
    result = CliRunner().invoke(
        app, ["asr-export", str(checkpoint), "--out", str(tmp_path / "weights")]
    )

    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert result.exit_code == 0
    expected = export_checkpoint(checkpoint, tmp_path / "again")
    assert expected.sha256 in result.output
    with pytest.raises(MissingDataError, match="metrics"):
        read_metrics(tmp_path / "nowhere")

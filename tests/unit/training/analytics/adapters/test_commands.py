"""``callstream train analytics-convert`` and ``analytics-fuse``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from stream_app.cli.app import app
from tests.support.analytics.tiny_llm import load_hugging_face, logits_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.training.analytics.adapters.conftest import Bases

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["train", *map(str, arguments)], catch_exceptions=True)
    return done.stdout if done.exit_code == 0 else f"{done.stderr} {done.exception!r}"


def test_an_adapter_is_converted_and_then_fused(bases: Bases, tmp_path: Path) -> None:
    adapter, fused = tmp_path / "adapter.gguf", tmp_path / "fused.gguf"

    said = run(
        "analytics-convert", bases.peft, "--to", "gguf", "--base", bases.gguf, "--out", adapter
    )
    run("analytics-fuse", adapter, "--base", bases.gguf, "--out", fused)
    run("analytics-fuse", adapter, "--base", bases.hugging_face, "--out", tmp_path / "hf")

    assert said.split() == [str(adapter)]
    found = bases.logits_of_gguf(fused)
    np.testing.assert_allclose(found, bases.logits_with_peft, atol=2e-3)
    found = logits_of(load_hugging_face(tmp_path / "hf"), bases.TOKENS)
    np.testing.assert_allclose(found, bases.logits_with_peft, atol=2e-3)


def test_forms_that_do_not_go_together_are_refused(bases: Bases, tmp_path: Path) -> None:
    out = tmp_path / "out"

    assert "it becomes peft, mlx or gguf" in run(
        "analytics-convert", bases.peft, "--to", "hf", "--out", out
    )
    assert "a base model becomes mlx" in run(
        "analytics-convert", bases.hugging_face, "--to", "peft", "--out", out
    )
    assert not out.exists()

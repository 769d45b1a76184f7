"""The figures of `callstream benchmark analytics`, of a tiny model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.analytics.measurement import AnalyticsOptions, long_calls, measure, table
from models.analytics.manifest import load_analytics_manifest
from models.console import text_console
from tests.support.analytics.tiny_analyst import make_base, make_version

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def test_all_forms_are_measured_and_what_they_cost_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = make_base(tmp_path)
    options = AnalyticsOptions(base=str(base), tokens=300, calls=2, price=3.6)

    report = measure(options, out=tmp_path / "report")

    assert (tmp_path / "report" / "analytics.json").is_file()
    onnx, llama, eight_bit = report["rows"]
    assert eight_bit["size_mb"] < llama["size_mb"] == onnx["size_mb"]  # the tiny base is in fp32
    assert llama["memory_mb"] > llama["size_mb"]
    for row in (onnx, llama, eight_bit):
        assert row["calls"] == 2
        assert 200 < row["prompt_tokens"] < 420
        assert row["dollars_for_1000"] == pytest.approx(3_600 / row["calls_an_hour"], rel=0.05)
    text_console().print(table(report))
    assert "Mistral" in capsys.readouterr().out


def test_an_adapter_is_measured_with_its_base(tmp_path: Path) -> None:
    base = make_base(tmp_path)
    manifest = make_version(base, tmp_path)
    adapter = manifest.parent / load_analytics_manifest(manifest).gguf_adapter
    options = AnalyticsOptions(
        base=str(base), adapter=adapter, tokens=300, calls=2, has_eight_bit=False
    )

    report = measure(options, out=tmp_path / "report")

    assert report["options"]["adapter"] == adapter.name
    assert [row["calls"] for row in report["rows"]] == [2, 2]


def test_calls_are_made_as_long_as_they_should_be() -> None:
    def count(text: str) -> int:
        return len(text.split())

    first, second = (turns for turns, _ in long_calls(2, 600, count))

    assert first != second
    for turns in (first, second):
        words = sum(count(turn.text) for turn in turns)
        assert 400 < words < 900

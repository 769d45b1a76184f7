"""The benchmark of alerts, with a model of a few kilobytes on the embedded broker."""

from pathlib import Path

import pytest

from benchmarks.alerts.measurement import AlertsOptions, measure, table
from tests.support.classification.tiny_classifier import write_classifier


@pytest.mark.e2e
def test_each_length_is_measured_and_the_bars_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__MODELS", f"tiny={write_classifier(tmp_path)}")
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__LABEL_SET", "tiny")
    monkeypatch.setenv("CALLSTREAM_KAFKA__PARTITIONS", "2")
    options = AlertsOptions(label_set="tiny", words=(20, 4_500), rounds=2, beside=3)

    report = measure(options, out=tmp_path)

    assert [(row["words"], row["ms"]["count"]) for row in report["rows"]] == [(20, 2), (4_500, 2)]
    assert all(0 < row["ms"]["p50"] <= row["ms"]["max"] for row in report["rows"])
    assert [(bar["words"], bar["calls"]) for bar in report["bars"]] == [(4_500, 2)]
    assert table(report).row_count == 2
    assert (tmp_path / "alerts.json").is_file()

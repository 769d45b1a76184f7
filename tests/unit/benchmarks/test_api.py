"""The benchmark of the HTTP server, with a model of a few kilobytes."""

from pathlib import Path

import pytest

from benchmarks.api.measurement import ApiOptions, measure, table, text_of
from models.text.spoken_form import spoken_form
from schemas.errors import CallstreamError
from tests.support.classification.tiny_classifier import write_classifier
from tests.support.models.tiny_turns import tiny_tokenizer


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model in the settings that the server reads."""
    manifest = write_classifier(tmp_path)
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__MODELS", f"tiny={manifest}")
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__LABEL_SET", "tiny")


def test_each_length_is_measured_and_the_bar_is_told(tmp_path: Path) -> None:
    report = measure(ApiOptions(label_set="tiny", tokens=(16, 128), rounds=3), out=tmp_path)

    assert [(row["tokens"], row["ms"]["count"]) for row in report["rows"]] == [(16, 3), (128, 3)]
    assert all(0 < row["ms"]["p50"] <= row["ms"]["max"] for row in report["rows"])
    assert report["options"]["model"].startswith("tiny@")
    assert [bar["at_most_ms"] for bar in report["bars"]] == [60.0]
    assert table(report).row_count == 2
    assert (tmp_path / "api.json").is_file()


def test_a_label_set_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallstreamError, match="'none' has no model: no such label set"):
        measure(ApiOptions(label_set="none", rounds=1), out=tmp_path)


@pytest.mark.parametrize("tokens", [16, 64, 300])
def test_a_text_has_the_length_that_is_asked_for(tokens: int) -> None:
    tokenizer = tiny_tokenizer()
    found = len(tokenizer.encode(spoken_form(text_of(tokens, tokenizer))).ids)

    assert tokens - 16 <= found <= tokens

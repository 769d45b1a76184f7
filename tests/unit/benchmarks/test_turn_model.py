from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

from benchmarks.turn_model.graphs import PRODUCT, bundled_graphs, in_fp32, token_feed
from benchmarks.turn_model.measurement import TurnModelOptions, measure, table
from models.onnx_session import open_session
from tests.support.models.tiny_trained_turns import export_tiny, save_examples
from training.turns.export.exporter import ExportOptions, export_models

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("turn-model")
    export_tiny(folder, ["general"])
    return folder


@pytest.fixture(scope="module", params=["rows", "fixed"])
def manifest(work: Path, request: pytest.FixtureRequest) -> Path:
    """Return the manifest of a tiny model with one kind of scales."""
    trained = work / "work"
    save_examples(trained, ["general"])
    options = ExportOptions(name="tiny", least_agreement=0.5, scales=request.param)
    folders = [trained / "models" / "general"]
    (one,) = export_models(folders, work / str(request.param), trained, options)
    return one.manifest


def test_the_fp32_twin_is_the_same_network_without_whole_numbers(
    manifest: Path, tmp_path: Path
) -> None:
    """The ratio to fp32 is measured on a graph of the same shape."""
    graph = onnx.load(manifest.with_suffix(".onnx"))
    twin = in_fp32(graph)
    onnx.save(twin, tmp_path / "twin.onnx")
    trained = manifest.parent / "fp32" / "tiny.onnx"
    feed = token_feed(3, 16)

    found, exact = (
        open_session(path, device="cpu", threads=1).run(None, feed)[0]
        for path in (tmp_path / "twin.onnx", trained)
    )

    kinds = {node.op_type for node in twin.graph.node}
    assert not kinds & {PRODUCT, "QuantizeLinear", "ReduceMax"}
    np.testing.assert_allclose(found, exact, atol=0.5)  # its weights were rounded
    assert {one.precision for one in bundled_graphs(str(manifest), tmp_path)} > {"fp32"}


def test_every_case_of_the_report_was_measured(manifest: Path, tmp_path: Path) -> None:
    options = TurnModelOptions(
        model=str(manifest), tokens=(8, 16), batches=(1, 2), rounds=3, has_mobile_bert=False
    )

    report = measure(options, out=tmp_path)

    assert len(report["rows"]) == 2 * 2 * 3  # lengths, batches; int8, fp32, from text
    assert all(row["ms"]["count"] == 3 and row["ms"]["p50"] > 0 for row in report["rows"])
    assert {row["times_faster_than_fp32"] for row in report["rows"]} - {1.0, None}
    assert str(manifest.parent) not in (tmp_path / "turn_model.json").read_text()
    assert (tmp_path / "turn_model.png").stat().st_size > 0
    assert table(report).row_count == len(report["rows"])

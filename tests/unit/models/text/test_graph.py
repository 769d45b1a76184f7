"""Many texts share a run, and a graph is tried before it serves."""

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from models.onnx_session import open_session
from models.text.graph import TextGraph
from schemas.errors import ModelIntegrityError
from tests.support.models.tiny_encoder import PIECES, gather, save, tiny_encoder

TEXTS = ["a", "a b c a b c a b", "b c", "c", "a a a b b b c c c"]


def open_graph(model: ModelProto, folder: Path) -> TextGraph:
    session = open_session(save(model, folder / "graph.onnx"), device="cpu", threads=1)
    return TextGraph(session, tiny_encoder())


def probe(model: ModelProto, folder: Path) -> None:
    open_graph(model, folder).probe(TEXTS, (2,))


def test_each_text_has_its_own_logits_whatever_shares_its_run(tmp_path: Path) -> None:
    graph = open_graph(gather(), tmp_path)

    together = dict(graph.logits(TEXTS))

    assert sorted(together) == [0, 1, 2, 3, 4]
    for index, text in enumerate(TEXTS):
        ((_, alone),) = graph.logits([text])
        assert together[index].tolist() == alone.tolist()
    assert len({tuple(logits.tolist()) for logits in together.values()}) == 5


def test_a_graph_that_does_as_promised_passes(tmp_path: Path) -> None:
    probe(gather(), tmp_path)


@pytest.mark.parametrize(
    "model",
    [gather(pieces=len(PIECES) - 1), gather(source="other"), gather(output="scores")],
    ids=["fewer pieces", "another input", "another output"],
)
def test_a_graph_that_fails_when_it_is_run_is_refused(tmp_path: Path, model: ModelProto) -> None:
    """Else it would fail in the middle of a call."""
    with pytest.raises(ModelIntegrityError, match="cannot be run"):
        probe(model, tmp_path)


def test_logits_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    model = gather()
    numbers = np.full((len(PIECES), 2), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(numbers, "table"))

    with pytest.raises(ModelIntegrityError, match="no finite logits"):
        probe(model, tmp_path)


def test_logits_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelIntegrityError, match=r"of shape \(4, 2\), but \(4, 3\)"):
        probe(gather(width=3), tmp_path)

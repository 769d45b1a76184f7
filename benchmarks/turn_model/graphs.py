"""The graphs that the benchmark of the end-of-turn model runs: the bundled, their fp32 twins."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import ModelProto, NodeProto, helper
from onnxruntime import InferenceSession
from transformers import MobileBertConfig

from models.onnx_session import open_session
from models.store.layout import serving_manifests, source_path
from models.turns.manifest import TURN_MODELS, load_turn_manifest
from training.text.quantise import (
    GraphEditor,
    observe,
    product_inputs,
    quantise,
    with_outputs,
)
from training.turns.export.graph import trace
from training.turns.learning.classifier import TurnClassifier

MOBILE_BERT = "mobilebert-random"
MOBILE_BERT_TOKENS = 128
CALIBRATION_RUNS = 4
FEWEST_PIECES = 60  # every vocabulary has as many
PRODUCT = "MatMulIntegerToFloat"


@dataclass(frozen=True)
class Graph:
    """One graph to run.

    Attributes:
        model: Name.
        precision: fp32, or int8 with the kind of its scales.
        session: With one thread.
        lengths: In tokens; none means all that are measured.
        size_bytes: Of the graph.
    """

    model: str
    precision: str
    session: InferenceSession
    lengths: tuple[int, ...]
    size_bytes: int


def bundled_graphs(source: str, folder: Path) -> list[Graph]:
    """Return each graph of a model, and the same network in fp32.

    Args:
        source: As `TurnModels` takes it.
        folder: For graphs that are made.

    Raises:
        ModelNotFoundError: No model there.
    """
    graphs = []
    for manifest_path in serving_manifests(source_path(source, TURN_MODELS), TURN_MODELS):
        manifest = load_turn_manifest(manifest_path)
        model = onnx.load(manifest_path.with_name(manifest.file))
        if manifest.precision != "fp32":
            graphs.append(_graph(manifest.name, manifest.precision, model, folder))
        graphs.append(_graph(manifest.name, "fp32", in_fp32(model), folder))
    return graphs


def mobile_bert_graphs(folder: Path) -> list[Graph]:
    """Return MobileBERT with its true sizes and random weights.

    Args:
        folder: For graphs that are made.
    """
    torch.manual_seed(0)
    network = TurnClassifier(MobileBertConfig())  # `trace` switches dropout off
    exact = trace([network])
    observed = _graph(MOBILE_BERT, "observed", with_outputs(exact, product_inputs(exact)), folder)
    feeds = [token_feed(1, MOBILE_BERT_TOKENS, seed=n) for n in range(CALIBRATION_RUNS)]
    ranges = observe(observed.session, feeds)
    lengths = (MOBILE_BERT_TOKENS,)
    return [
        _graph(MOBILE_BERT, "fp32", exact, folder, lengths),
        _graph(MOBILE_BERT, "int8, rows scales", quantise(exact, None), folder, lengths),
        _graph(MOBILE_BERT, "int8, fixed scales", quantise(exact, ranges), folder, lengths),
    ]


def token_feed(batch: int, tokens: int, *, seed: int = 0) -> dict[str, npt.NDArray[np.int64]]:
    """Return texts of random token ids, without padding."""
    ids = np.random.default_rng(seed).integers(5, FEWEST_PIECES, (batch, tokens), dtype=np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def in_fp32(model: ModelProto) -> ModelProto:
    """Return a graph of `training.text.quantise` with its products in fp32 again."""
    editor = GraphEditor(model)
    makers = {output: node for node in editor.nodes for output in node.output}
    scaled: dict[str, str] = {}  # products that a Mul with the rows' scales follows
    nodes = []
    for node in editor.nodes:
        if node.op_type == PRODUCT:
            value, scales = _before_rounding(makers, node.input[0])
            weights, columns = editor.array(node.input[1]), editor.array(node.input[3])
            assert weights is not None
            assert columns is not None
            name = editor.constant(f"{node.input[1]}.fp32", weights.astype(np.float32) * columns)
            nodes.append(helper.make_node("MatMul", [value, name], [node.output[0]]))
            if scales:
                scaled[node.output[0]] = scales
        elif node.op_type == "Mul" and scaled.get(node.input[0]) == node.input[1]:
            nodes.append(helper.make_node("Identity", [node.input[0]], [node.output[0]]))
        else:
            nodes.append(node)
    editor.nodes = _needed(nodes, {output.name for output in model.graph.output})
    return editor.model()


def _before_rounding(makers: dict[str, NodeProto], whole: str) -> tuple[str, str]:
    """Return the value that became whole numbers, and the scales of its rows; empty for fixed."""
    value = makers[whole].input[0]
    maker = makers.get(value)
    if maker is not None and maker.op_type == "Div" and value.endswith(".even"):
        return maker.input[0], maker.input[1]
    return value, ""


def _needed(nodes: list[NodeProto], outputs: set[str]) -> list[NodeProto]:
    """Return the nodes that the outputs rest on."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _graph(
    name: str, precision: str, model: ModelProto, folder: Path, lengths: tuple[int, ...] = ()
) -> Graph:
    path = folder / f"{name}.{precision}.onnx"
    path.write_bytes(model.SerializeToString())
    session = open_session(path, device="cpu", threads=1)
    return Graph(name, precision, session, lengths, path.stat().st_size)

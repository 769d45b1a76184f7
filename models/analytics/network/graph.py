"""A Llama model as one ONNX graph: tokens, and what was read before, to the next token's logits.

Keys and values of all positions stay in one buffer for each layer, which a run reads and extends.
Source: Touvron et al. 2023, arXiv:2302.13971; Su et al. 2021, arXiv:2104.09864 (rotation);
Ainslie et al. 2023, arXiv:2305.13245 (grouped queries).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from models.analytics.network.weights import ROW_BLOCK
from models.onnx_graph import FLOAT, MICROSOFT, GraphBuilder

if TYPE_CHECKING:
    import numpy.typing as npt
    from onnx import ModelProto

    from models.analytics.network.weights import LlamaDimensions, LlamaWeights
    from models.onnx_graph import Precision

    FloatArray = npt.NDArray[np.float32]

INT32, INT64 = onnx.TensorProto.INT32, onnx.TensorProto.INT64
_BLOCK = 64  # weights that share a scale; less where a row has no such parts, and 1.3 times as slow
_BITS = 8
_MIDDLE = 128  # what a weight of zero is stored as
_LARGEST = 127
_BY_INT8 = 4  # the accuracy level whose products are of int8


def llama_model(weights: LlamaWeights, precision: Precision) -> ModelProto:
    """Return the graph of one run.

    Inputs: ``tokens`` (1, n); ``last`` (1,), the position of the last of them; ``total`` (), the
    number of positions then; ``past_key.i`` and ``past_value.i`` (1, kv_heads, capacity,
    head_width). Outputs: ``logits`` (vocabulary,) of the token after the last;
    ``present_key.i`` and ``present_value.i``, which may be the same buffers as the inputs.

    Args:
        weights: With the adapter added.
        precision: ``int8`` keeps matrices in 8 bits, a scale for each block of a row, and
            quantises states by blocks while it runs; ``fp32`` rounds nothing.
    """
    return _LlamaGraph(weights, precision).model()


class _LlamaGraph:
    """Builds the graph, layer by layer."""

    def __init__(self, weights: LlamaWeights, precision: Precision) -> None:
        self._weights = weights
        self._dims = weights.dimensions
        self._graph = GraphBuilder(precision)

    def model(self) -> ModelProto:
        graph, dims = self._graph, self._dims
        tokens = graph.input("tokens", (1, "n"), INT64)
        lengths = graph.input("last", (1,), INT32), graph.input("total", (), INT32)
        rotation = tuple(map(graph.constant, rotations(dims)))
        embedding = self._weights.read("token_embd.weight")
        head = _Matrix(graph, embedding)
        x = head.rows(tokens)
        for layer in range(dims.layers):
            x = graph.add(x, self._attend(x, layer, (*lengths, *rotation)))
            x = graph.add(x, self._transform(x, f"blk.{layer}"))
        x = graph.slice(x, -1, np.iinfo(np.int64).max, axis=1)
        x = self._norm(x, "output_norm")
        if self._weights.has("output.weight"):
            head = _Matrix(graph, self._weights.read("output.weight"))
        logits = graph.reshape(head.times(x), -1)
        graph.output(logits, "logits", (dims.vocabulary,))
        return graph.model("llama")

    def _attend(self, x: str, layer: int, shared: tuple[str, ...]) -> str:
        graph, dims, name = self._graph, self._dims, f"blk.{layer}"
        kinds = ("attn_q", "attn_k", "attn_v")
        joined = np.concatenate([self._weights.read(f"{name}.{each}.weight") for each in kinds])
        packed = _Matrix(graph, joined).times(self._norm(x, f"{name}.attn_norm"))
        if self._weights.has(f"{name}.attn_q.bias"):
            biases = [self._weights.read(f"{name}.{each}.bias") for each in kinds]
            packed = graph.add(packed, graph.constant(np.concatenate(biases)))
        shape = (1, dims.kv_heads, "capacity", dims.head_width)
        past = [graph.input(f"past_{each}.{layer}", shape) for each in ("key", "value")]
        attended, *present = graph.nodes_of(
            "GroupQueryAttention",
            3,
            *(packed, "", "", *past, *shared),
            domain=MICROSOFT,
            num_heads=dims.heads,
            kv_num_heads=dims.kv_heads,
            do_rotary=1,
            rotary_interleaved=int(dims.is_interleaved),
        )
        for each, value in zip(("key", "value"), present, strict=True):
            graph.output(value, f"present_{each}.{layer}", shape)
        return self._matrix(f"{name}.attn_output").times(attended)

    def _transform(self, x: str, name: str) -> str:
        graph = self._graph
        gate, up = (self._weights.read(f"{name}.ffn_{each}.weight") for each in ("gate", "up"))
        both = _Matrix(graph, np.concatenate([gate, up])).times(self._norm(x, f"{name}.ffn_norm"))
        opened, raised = graph.nodes_of("Split", 2, both, axis=-1, num_outputs=2)
        swish = graph.node("QuickGelu", opened, domain=MICROSOFT, alpha=1.0)  # x * sigmoid(x)
        return self._matrix(f"{name}.ffn_down").times(graph.node("Mul", swish, raised))

    def _norm(self, x: str, name: str) -> str:
        scale = self._graph.constant(self._weights.read(f"{name}.weight"))
        return self._graph.node(
            "SimplifiedLayerNormalization", x, scale, axis=-1, epsilon=self._dims.epsilon
        )

    def _matrix(self, name: str) -> _Matrix:
        return _Matrix(self._graph, self._weights.read(f"{name}.weight"))


class _Matrix:
    """A matrix of the graph, shape (outputs, inputs), in its precision."""

    def __init__(self, graph: GraphBuilder, values: FloatArray) -> None:
        self._graph = graph
        self._shape = values.shape
        self._values = values
        self._is_quantised = graph.precision == "int8"
        if self._is_quantised:
            self._block = ROW_BLOCK if values.shape[1] % _BLOCK else _BLOCK
            whole, scales = quantise_blocks(values, self._block)
            self._whole, self._scales = graph.constant(whole), graph.constant(scales)

    def times(self, x: str) -> str:
        """Return ``x @ matrix.T``."""
        if not self._is_quantised:
            return self._graph.linear(x, self._values, None)
        return self._graph.node(
            "MatMulNBits",
            *(x, self._whole, self._scales),
            domain=MICROSOFT,
            N=self._shape[0],
            K=self._shape[1],
            bits=_BITS,
            block_size=self._block,
            accuracy_level=_BY_INT8,
        )

    def rows(self, numbers: str) -> str:
        """Return rows of the matrix, shape (1, n, inputs)."""
        graph = self._graph
        if not self._is_quantised:
            return graph.rows_of(self._values, numbers)
        whole = graph.node("Gather", self._whole, numbers, axis=0)
        centred = graph.node("Sub", graph.node("Cast", whole, to=FLOAT), self._number(_MIDDLE))
        scales = graph.node("Gather", self._scales, numbers, axis=0)
        scales = graph.node("Unsqueeze", scales, graph.ints(-1))
        return graph.reshape(graph.node("Mul", centred, scales), 0, 0, self._shape[1])

    def _number(self, value: float) -> str:
        return self._graph.constant(np.float32(value))


def quantise_blocks(
    values: FloatArray, block: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return a matrix in 8 bits, shape (outputs, blocks, block), and the scale of each block."""
    parts = values.reshape(len(values), -1, block)
    scales = np.abs(parts).max(axis=-1) / np.float32(_LARGEST)
    divisors = np.maximum(scales, np.finfo(np.float32).tiny)[..., np.newaxis]
    whole = np.rint(parts / divisors) + np.float32(_MIDDLE)
    return whole.astype(np.uint8), scales


def rotations(dims: LlamaDimensions) -> tuple[FloatArray, FloatArray]:
    """Return cosines and sines of the rotation, shape (positions, head_width / 2)."""
    steps = np.arange(0, dims.head_width, 2, dtype=np.float64) / dims.head_width
    angles = np.outer(np.arange(dims.positions), dims.rope_base**-steps)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

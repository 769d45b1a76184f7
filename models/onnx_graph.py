"""A small builder of ONNX graphs: weights in the precision asked for, one method for each layer.

It stays beside the live path since workers export weights on demand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper

from models.row_codes import (
    BYTE_BITS,
    LEVELS,
    NIBBLE_BITS,
    ROWS_AFTER,
    ROWS_BEFORE,
    coded_names,
    encode_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from onnx import ModelProto, NodeProto, ValueInfoProto

    from models.row_codes import Bits, CodedRange, RowCodes

Precision = Literal["fp32", "int8"]

OPSET = 20
MICROSOFT = "com.microsoft"
IR_VERSION = 10
EPSILON = 1e-5  # of every layer norm
INT8_MAX = 127
FLOAT = onnx.TensorProto.FLOAT
INT32 = onnx.TensorProto.INT32
Shape = tuple[int | str, ...]


@dataclass
class GraphBuilder:
    """Collects nodes and weights; every method returns the name of what it computes.

    Attributes:
        precision: Of the products with weights. ``int8`` quantises a weight by output column and
            the activations while it runs; everything else stays fp32.
    """

    precision: Precision
    nodes: list[NodeProto] = field(default_factory=list)
    initializers: dict[str, Any] = field(default_factory=dict)
    inputs: list[ValueInfoProto] = field(default_factory=list)
    outputs: list[ValueInfoProto] = field(default_factory=list)
    _embedded: list[tuple[npt.NDArray[Any], str, str]] = field(default_factory=list)

    def input(self, name: str, shape: Shape, kind: int = FLOAT) -> str:
        """Declare an input."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, value: str, name: str, shape: Shape, kind: int = FLOAT) -> str:
        """Declare an output and give the value its name, which is returned."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if other == value else other for other in names]
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def node(self, kind: str, *values: str, domain: str = "", **attributes: Any) -> str:
        """Add a node of one output."""
        return self.nodes_of(kind, 1, *values, domain=domain, **attributes)[0]

    def nodes_of(
        self, kind: str, count: int, *values: str, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node of several outputs."""
        names = [f"{kind.lower()}.{len(self.nodes)}.{number}" for number in range(count)]
        node = helper.make_node(kind, list(values), names, domain=domain, **attributes)
        self.nodes.append(node)
        return names

    def constant(self, array: npt.ArrayLike, name: str = "") -> str:
        """Add a constant; a floating one that fp16 holds exactly is stored as such."""
        array = np.asarray(array)
        name = name or f"constant.{len(self.initializers)}"
        is_float = array.dtype in (np.float32, np.float16)
        half = array.astype(np.float16) if is_float else array
        if is_float and array.size > 1 and np.array_equal(half, array):
            self.initializers[name] = numpy_helper.from_array(half, name)
            return self.node("Cast", name, to=FLOAT)
        self.initializers[name] = numpy_helper.from_array(array, name)
        return name

    def ints(self, *values: int) -> str:
        """Add a constant list of int64."""
        return self.constant(np.array(values, dtype=np.int64))

    def linear(self, x: str, weight: npt.NDArray[Any], bias: npt.NDArray[Any] | None) -> str:
        """Return ``x @ weight.T + bias``.

        Args:
            x: Shape (.., inputs).
            weight: Shape (outputs, inputs).
            bias: Shape (outputs,), or None.
        """
        if self.precision == "int8":
            values = [x, *self._quantised(weight), ""]
            values += [] if bias is None else [self.constant(bias.astype(np.float32))]
            return self.node("DynamicQuantizeMatMul", *values, domain=MICROSOFT)
        product = self.node("MatMul", x, self.constant(np.ascontiguousarray(weight.T)))
        return product if bias is None else self.add(product, self.constant(bias))

    def embed(self, weight: npt.NDArray[Any], tokens: str, coded: Sequence[CodedRange] = ()) -> str:
        """Return rows of a matrix that `linear` multiplies with too; int8 keeps it once.

        Args:
            weight: Shape (tokens, width).
            tokens: Rows to take, shape (batch, n).
            coded: Rows that int8 holds in fewer bits, one range behind another; ONNX Runtime widens
                them when it loads the graph.

        Raises:
            ValueError: Rows between two ranges, or in both.
        """
        if any(one.rows.stop != other.rows.start for one, other in pairwise(coded)):
            raise ValueError(f"{[each.rows for each in coded]}: one range has to follow the other")
        if self.precision != "int8":
            return self.rows_of(weight, tokens)
        columns, scale = self._coded(weight, coded) if coded else self._quantised(weight)
        self._embedded.append((weight, columns, scale))
        chosen = self.node(
            "Transpose", self.node("Gather", columns, tokens, axis=1), perm=[1, 2, 0]
        )
        scales = self.node("Gather", scale, tokens, axis=0)
        widened = self.node("Unsqueeze", scales, self.ints(-1))
        return self.node("Mul", self.node("Cast", chosen, to=FLOAT), widened)

    def _coded(self, weight: npt.NDArray[Any], coded: Sequence[CodedRange]) -> tuple[str, str]:
        """Return the int8 columns of a weight and their scales, some held in fewer bits."""
        before, scales_before = quantise_columns(weight[: coded[0].rows.start].T)
        after, scales_after = quantise_columns(weight[coded[-1].rows.stop :].T)
        parts, scales = [self.constant(before, ROWS_BEFORE)], [scales_before]
        for number, (rows, bits) in enumerate(coded):
            codes = encode_rows(weight[rows.start : rows.stop].astype(np.float32), bits)
            parts.append(self._widened(codes, bits, number))
            scales.append(codes.scales)
        parts.append(self.constant(after, ROWS_AFTER))
        columns = self.node("Concat", *parts, axis=1)
        return columns, self.constant(np.concatenate((*scales, scales_after)))

    def _widened(self, codes: RowCodes, bits: Bits, number: int) -> str:
        """Return the levels of coded rows, as `widened_columns` does."""
        nibbles, plane = coded_names(number)
        places = self._unpacked(self.constant(codes.nibbles, nibbles), NIBBLE_BITS)
        if codes.plane is not None:
            fifth = self._unpacked(self.constant(codes.plane, plane), 1)
            up = self.node("BitShift", fifth, self._byte(NIBBLE_BITS), direction="LEFT")
            places = self.node("BitwiseOr", places, up)
        levels = self.constant(LEVELS[bits])
        return self.node("Gather", levels, self.node("Cast", places, to=INT32))

    def _unpacked(self, packed: str, bits: int) -> str:
        mask = self._byte(2**bits - 1)
        shifted = [
            self.node("BitShift", packed, self._byte(at), direction="RIGHT")
            for at in range(0, BYTE_BITS, bits)
        ]
        return self.node("Concat", *[self.node("BitwiseAnd", s, mask) for s in shifted], axis=1)

    def _byte(self, value: int) -> str:
        return self.constant(np.array(value, np.uint8))

    def _quantised(self, weight: npt.NDArray[Any]) -> tuple[str, str]:
        """Return the int8 columns of a weight, shape (outputs, inputs), and their scales."""
        for embedded, columns, scale in self._embedded:
            if embedded is weight:
                return columns, scale
        quantised, scales = quantise_columns(weight.T)
        return self.constant(quantised), self.constant(scales)

    def norm(self, x: str, weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> str:
        """Return the layer norm over the last axis."""
        return self.node(
            "LayerNormalization",
            x,
            self.constant(weight),
            self.constant(bias),
            axis=-1,
            epsilon=EPSILON,
        )

    def add(self, one: str, other: str) -> str:
        """Return the sum."""
        return self.node("Add", one, other)

    def reshape(self, x: str, *shape: int) -> str:
        """Return ``x`` in another shape; 0 keeps a size, -1 takes the rest."""
        return self.node("Reshape", x, self.ints(*shape))

    def slice(self, x: str, start: int, end: int, *, axis: int, step: int = 1) -> str:
        """Return a part of one axis."""
        return self.node(
            "Slice", x, self.ints(start), self.ints(end), self.ints(axis), self.ints(step)
        )

    def rows_of(self, table: npt.NDArray[Any], rows: str) -> str:
        """Return rows of a table; held in fp16 unless fp32 was asked for and fp16 would round."""
        half = table.astype(np.float16)
        is_exact = np.array_equal(half, table)
        name = f"table.{len(self.initializers)}"
        kept = half if is_exact or self.precision == "int8" else table
        self.initializers[name] = numpy_helper.from_array(kept, name)
        chosen = self.node("Gather", name, rows, axis=0)
        return self.node("Cast", chosen, to=FLOAT)

    def split_heads(self, x: str, heads: int) -> str:
        """Return (batch, heads, n, d) of (batch, n, width)."""
        return self.node("Transpose", self.reshape(x, 0, 0, heads, -1), perm=[0, 2, 1, 3])

    def join_heads(self, x: str, width: int) -> str:
        """Return (batch, n, width) of (batch, heads, n, d)."""
        return self.reshape(self.node("Transpose", x, perm=[0, 2, 1, 3]), 0, 0, width)

    def attend(self, query: str, key: str, value: str, mask: str = "") -> str:
        """Return softmax(query @ key.T + mask) @ value, all split into heads."""
        scores = self.node("FusedMatMul", query, key, domain=MICROSOFT, transB=1)
        scores = self.add(scores, mask) if mask else scores
        return self.node("MatMul", self.node("Softmax", scores, axis=-1), value)

    def model(self, name: str) -> ModelProto:
        """Return the graph as a model."""
        graph = helper.make_graph(
            self.nodes, name, self.inputs, self.outputs, list(self.initializers.values())
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)


def quantise_columns(
    matrix: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return a matrix as symmetric int8 with one scale for each column.

    Args:
        matrix: Shape (inputs, outputs).

    Returns:
        int8 of the same shape, and the scales of shape (outputs,).
    """
    matrix = matrix.astype(np.float32)
    scale = np.maximum(np.abs(matrix).max(axis=0) / INT8_MAX, np.finfo(np.float32).tiny)
    rounded = np.rint(matrix / scale).clip(-INT8_MAX, INT8_MAX).astype(np.int8)
    return np.ascontiguousarray(rounded), scale.astype(np.float32)


def stacked(tensors: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return weights or biases stacked along the outputs, for one product instead of several."""
    return np.concatenate(tensors, axis=0)

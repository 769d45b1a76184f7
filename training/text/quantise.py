"""Quantisation of a graph to int8, with results that do not depend on the rest of a batch.

ONNX Runtime's own dynamic quantisation takes one scale over the whole batch, so that a text's
probability changes with the texts beside it. Here weights have one scale for each output column.
Activations have either fixed scales, observed on texts before (``fixed``), or one for each token
(``rows``): slower, for encoders whose activations differ much from token to token. Products are
sums of integers, exact in any order; everything else stays fp32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from models.onnx_graph import INT8_MAX, MICROSOFT, quantise_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt
    import onnxruntime
    from onnx import NodeProto

Scales = Literal["fixed", "rows"]
Range = tuple[float, float]

LEAST_WEIGHTS = 4_096  # smaller matrices and tables stay fp32
ZERO_POINT = 128  # of a row's uint8
UINT8_MAX = 255
MATRIX = 2  # axes
BIAS = 2  # index among the inputs of Gemm
TINY = 1e-30  # instead of a scale of 0


class GraphEditor:
    """A graph being rewritten: its constants by name, its nodes in order.

    Constants behind Identity nodes are the constants themselves, Constant nodes are initializers.

    Args:
        model: Read, not changed.
    """

    def __init__(self, model: ModelProto) -> None:
        self._model = ModelProto()
        self._model.CopyFrom(model)
        self.constants = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self.nodes: list[NodeProto] = []
        aliases: dict[str, str] = {}
        for node in self._model.graph.node:
            node.input[:] = [aliases.get(name, name) for name in node.input]
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                tensor = TensorProto()
                tensor.CopyFrom(node.attribute[0].t)
                tensor.name = node.output[0]
                self.constants[tensor.name] = tensor
            elif node.op_type == "Identity" and node.input[0] in self.constants:
                aliases[node.output[0]] = node.input[0]
            else:
                self.nodes.append(node)

    def array(self, name: str) -> npt.NDArray[Any] | None:
        """Return a constant; None for what is computed."""
        tensor = self.constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """Add a constant, or keep the one of that name; return the name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def add(
        self, kind: str, values: Sequence[str], output: str, domain: str = "", **attributes: Any
    ) -> str:
        """Add a node of one output; return its name."""
        self.nodes.append(
            helper.make_node(
                kind, values, [output], f"{output}.{kind}", domain=domain, **attributes
            )
        )
        return output

    def model(self) -> ModelProto:
        """Return the graph, without unused constants."""
        graph = self._model.graph
        used = {name for node in self.nodes for name in node.input}
        kept = [tensor for name, tensor in self.constants.items() if name in used]
        for field, values in ((graph.node, self.nodes), (graph.initializer, kept)):
            copies = [_copy(value) for value in values]  # the field's own parts may be among them
            del field[:]
            field.extend(copies)
        del graph.value_info[:]
        if all(opset.domain != MICROSOFT for opset in self._model.opset_import):
            self._model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
        return self._model


def _copy(message: Any) -> Any:
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


def product_inputs(model: ModelProto) -> list[str]:
    """Return the values that are multiplied with weights, whose ranges `quantise` takes."""
    editor = GraphEditor(model)
    return sorted({node.input[0] for node in editor.nodes if _weights(editor, node) is not None})


def with_outputs(model: ModelProto, values: Sequence[str]) -> ModelProto:
    """Return the graph with inner values as its outputs."""
    observed = GraphEditor(model).model()
    del observed.graph.output[:]
    observed.graph.output.extend(
        helper.make_tensor_value_info(value, TensorProto.FLOAT, None) for value in values
    )
    return observed


def observe(
    session: onnxruntime.InferenceSession, feeds: Iterable[Mapping[str, npt.NDArray[np.int64]]]
) -> dict[str, Range]:
    """Return the range of every output over some inputs; 0 is always within."""
    names = [output.name for output in session.get_outputs()]
    ranges = dict.fromkeys(names, (0.0, 0.0))
    for feed in feeds:
        for name, value in zip(names, session.run(names, dict(feed)), strict=True):
            low, high = ranges[name]
            ranges[name] = min(low, float(value.min())), max(high, float(value.max()))
    return ranges


def quantise(model: ModelProto, ranges: Mapping[str, Range] | None) -> ModelProto:
    """Return the graph with products and tables in int8.

    Args:
        model: In fp32.
        ranges: Of `product_inputs`, for fixed scales; None for a scale for each row.
    """
    editor = GraphEditor(model)
    before, editor.nodes = editor.nodes, []
    rounded: dict[str, tuple[str, str, str]] = {}
    for node in before:
        weights = _weights(editor, node)
        if weights is not None:
            _add_product(editor, node, weights, ranges, rounded)
        elif _is_table(editor, node):
            _add_table(editor, node)
        else:
            editor.nodes.append(node)
    return editor.model()


def _weights(editor: GraphEditor, node: NodeProto) -> npt.NDArray[Any] | None:
    """Return the matrix, shape (inputs, outputs), that a node multiplies with."""
    if node.op_type not in {"MatMul", "Gemm"} or editor.array(node.input[0]) is not None:
        return None
    matrix = editor.array(node.input[1])
    if matrix is None or matrix.ndim != MATRIX or matrix.size < LEAST_WEIGHTS:
        return None
    options = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if options.get("transB", 0):
        matrix = matrix.T
    is_plain = options.get("alpha", 1.0) == options.get("beta", 1.0) == 1.0
    return matrix if is_plain and not options.get("transA", 0) else None


def _add_product(
    editor: GraphEditor,
    node: NodeProto,
    weights: npt.NDArray[Any],
    ranges: Mapping[str, Range] | None,
    rounded: dict[str, tuple[str, str, str]],
) -> None:
    """Add a product of integers in place of a node's.

    Args:
        editor: The graph.
        node: MatMul or Gemm.
        weights: Its matrix, shape (inputs, outputs).
        ranges: As `quantise` takes them.
        rounded: The results of `_round_fixed` or `_round_rows` so far, by value.
    """
    value, output = node.input[0], node.output[0]
    if value not in rounded:
        rounded[value] = (
            _round_rows(editor, value)
            if ranges is None
            else _round_fixed(editor, value, *ranges[value])
        )
    whole, scale, zero = rounded[value]
    matrix, columns = quantise_columns(weights)
    inputs = [
        whole,
        editor.constant(f"{output}.weights", matrix),
        editor.constant("one", np.float32(1)) if ranges is None else scale,
        editor.constant(f"{output}.columns", columns),
        zero,
    ]
    made = editor.add("MatMulIntegerToFloat", inputs, f"{output}.product", domain=MICROSOFT)
    if ranges is None:
        made = editor.add("Mul", [made, scale], f"{output}.scaled")
    if len(node.input) > BIAS:
        editor.add("Add", [made, node.input[BIAS]], f"{output}.biased")
    editor.nodes[-1].output[0] = output


def _round_fixed(editor: GraphEditor, value: str, low: float, high: float) -> tuple[str, str, str]:
    """Add a value as uint8 with one fixed scale; return it, its scale and its zero point."""
    step = np.float32(max((high - low) / UINT8_MAX, TINY))
    scale = editor.constant(f"{value}.scale", step)
    zero = editor.constant(f"{value}.zero", np.uint8(np.clip(round(-low / step), 0, UINT8_MAX)))
    return editor.add("QuantizeLinear", [value, scale, zero], f"{value}.uint8"), scale, zero


def _round_rows(editor: GraphEditor, value: str) -> tuple[str, str, str]:
    """Add a value as uint8 with one scale for each row; return it, the scales, the zero point."""
    one, zero = (
        editor.constant("one", np.float32(1)),
        editor.constant("zero_point", np.uint8(ZERO_POINT)),
    )
    least = editor.constant("tiny", np.float32(TINY))
    steps = editor.constant("steps", np.float32(INT8_MAX))
    size = editor.add("Abs", [value], f"{value}.abs")
    size = editor.add("ReduceMax", [size], f"{value}.max", axes=[-1], keepdims=1)
    size = editor.add("Max", [size, least], f"{value}.size")
    scale = editor.add("Div", [size, steps], f"{value}.scales")
    even = editor.add("Div", [value, scale], f"{value}.even")
    return editor.add("QuantizeLinear", [even, one, zero], f"{value}.uint8"), scale, zero


def _is_table(editor: GraphEditor, node: NodeProto) -> bool:
    """Return whether a node looks rows up in a large table of numbers."""
    table = editor.array(node.input[0]) if node.op_type == "Gather" else None
    options = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if table is None or table.ndim != MATRIX or options.get("axis", 0) != 0:
        return False
    return table.dtype == np.float32 and table.size >= LEAST_WEIGHTS


def _add_table(editor: GraphEditor, node: NodeProto) -> None:
    """Add a look-up in a table of int8 with a scale for each row."""
    table, rows = editor.array(node.input[0]), node.input[1]
    assert table is not None
    whole, scales = quantise_columns(table.T)
    name = node.output[0]
    whole_name = editor.constant(f"{node.input[0]}.int8", np.ascontiguousarray(whole.T))
    scales_name = editor.constant(f"{node.input[0]}.scales", scales[:, None])
    found = editor.add("Gather", [whole_name, rows], f"{name}.int8", axis=0)
    found = editor.add("Cast", [found], f"{name}.steps", to=TensorProto.FLOAT)
    scale = editor.add("Gather", [scales_name, rows], f"{name}.scale", axis=0)
    editor.add("Mul", [found, scale], name)

"""The bundled VAD files: the weights of the Silero package in fewer and larger products.

A convolution over four steps of time is one matrix product with a banded matrix, so that the frames
of any number of streams go through each layer in one product; the LSTM then runs over all streams
side by side. Each row of a product is summed in the same order in any batch, so that a stream's
probabilities are bit for bit independent of the other streams.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float32]

BRANCHES = {16_000: "then_branch", 8_000: "else_branch"}
STRIDES = (1, 2, 2, 1)  # of the encoder's four convolutions, kernel 3, padding 1
STEPS = 4  # of the spectrogram, in a frame
HIDDEN_SIZE = 128
OPSET, IR_VERSION = 18, 9


def read_weights(path: Path, rate_hz: int) -> dict[str, Array]:
    """Return the tensors of the network for one sample rate, by the end of their name."""
    model = onnx.load(path)
    choice = next(node for node in model.graph.node if node.op_type == "If")
    branch = next(item.g for item in choice.attribute if item.name == BRANCHES[rate_hz])
    constants = {
        node.output[0].rpartition("__")[2]: numpy_helper.to_array(node.attribute[0].t)
        for node in branch.node
        if node.op_type == "Constant"
    }
    names = ["stft.forward_basis_buffer", "decoder.decoder.2.weight", "decoder.decoder.2.bias"]
    names += [f"encoder.{n}.reparam_conv.{part}" for n in range(4) for part in ("weight", "bias")]
    names += [f"decoder.rnn.{part}_{gate}" for part in ("weight", "bias") for gate in ("ih", "hh")]
    return {name: constants[name].astype(np.float32) for name in names}


def banded(kernel: Array, steps: int, stride: int) -> Array:
    """Return the matrix that convolves ``steps`` instants at once, padding 1 on both sides.

    Args:
        kernel: Shape (out, in, 3).
        steps: Instants that go in.
        stride: Of the convolution.

    Returns:
        Shape (steps * in, instants out * out), instants outermost on both sides.
    """
    width_out, width_in, width = kernel.shape
    steps_out = (steps - 1) // stride + 1
    matrix = np.zeros((steps, width_in, steps_out, width_out), dtype=np.float32)
    for step_out in range(steps_out):
        for tap in range(width):
            step = step_out * stride + tap - 1
            if 0 <= step < steps:
                matrix[step, :, step_out, :] = kernel[:, :, tap].T
    return matrix.reshape(steps * width_in, steps_out * width_out)


class _Graph:
    """The nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, npt.NDArray[np.generic]] = {}

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Return the name of the one output of a new node."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        """Return the name of a new constant."""
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def integers(self, name: str, *values: int) -> str:
        """Return the name of a new constant of integers."""
        return self.constant(name, np.array(values, dtype=np.int64))


def build(weights: Mapping[str, Array]) -> onnx.ModelProto:
    """Return the network: frames of many streams in, their probabilities and states out."""
    graph = _Graph()
    window = weights["stft.forward_basis_buffer"].shape[-1]
    samples = 2 * window + window // 4
    magnitudes = _spectrogram(graph, weights["stft.forward_basis_buffer"][:, 0], samples)
    features = _encoder(graph, weights, magnitudes)
    _decoder(graph, weights, features)
    shapes: dict[str, tuple[int, list[str | int | None]]] = {
        "frames": (TensorProto.FLOAT, ["frames", samples]),
        "places": (TensorProto.INT64, ["steps", "streams"]),
        "lengths": (TensorProto.INT32, ["streams"]),
        "h": (TensorProto.FLOAT, [1, "streams", HIDDEN_SIZE]),
        "c": (TensorProto.FLOAT, [1, "streams", HIDDEN_SIZE]),
        "probabilities": (TensorProto.FLOAT, ["steps", "streams", 1]),
        "hn": (TensorProto.FLOAT, [1, "streams", HIDDEN_SIZE]),
        "cn": (TensorProto.FLOAT, [1, "streams", HIDDEN_SIZE]),
    }
    values = [helper.make_tensor_value_info(name, *shape) for name, shape in shapes.items()]
    tensors = [numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    onnx_graph = helper.make_graph(graph.nodes, "silero_vad", values[:5], values[5:], tensors)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(onnx_graph, opset_imports=opset, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _spectrogram(graph: _Graph, basis: Array, samples: int) -> str:
    """Return magnitudes, shape (frames, 4 * bins), of windows that overlap by half."""
    window = basis.shape[1]
    hop, margin = window // 2, window // 4
    mirrored = [*range(samples), *range(samples - 2, samples - 2 - margin, -1)]
    graph.add("Gather", ["frames", graph.integers("mirrored", *mirrored)], "padded", axis=1)
    graph.add("Reshape", ["padded", graph.integers("in_hops", -1, STEPS + 1, hop)], "hops")
    first, second, axis = (
        graph.integers("from_0", 0),
        graph.integers("from_1", 1),
        graph.integers("axis_1", 1),
    )
    ends = graph.integers("to_4", STEPS), graph.integers("to_5", STEPS + 1)
    graph.add("Slice", ["hops", first, ends[0], axis], "heads")
    graph.add("Slice", ["hops", second, ends[1], axis], "tails")
    graph.add("Concat", ["heads", "tails"], "windows", axis=2)
    graph.add("Reshape", ["windows", graph.integers("in_windows", -1, window)], "rows")
    graph.add("MatMul", ["rows", graph.constant("basis", basis.T)], "spectrum")
    split = helper.make_node("Split", ["spectrum"], ["re", "im"], axis=1, num_outputs=2)
    graph.nodes.append(split)
    graph.add("Mul", ["re", "re"], "re2")
    graph.add("Mul", ["im", "im"], "im2")
    graph.add("Add", ["re2", "im2"], "power")
    graph.add("Sqrt", ["power"], "magnitude")
    in_frames = graph.integers("in_frames", -1, STEPS * basis.shape[0] // 2)
    return graph.add("Reshape", ["magnitude", in_frames], "magnitudes")


def _encoder(graph: _Graph, weights: Mapping[str, Array], features: str) -> str:
    """Return the features of each frame, shape (frames, 128)."""
    steps = STEPS
    for number, stride in enumerate(STRIDES):
        kernel = weights[f"encoder.{number}.reparam_conv.weight"]
        matrix = graph.constant(f"encoder_{number}", banded(kernel, steps, stride))
        steps = (steps - 1) // stride + 1
        bias = np.tile(weights[f"encoder.{number}.reparam_conv.bias"], steps)
        bias_name = graph.constant(f"encoder_bias_{number}", bias)
        graph.add("Gemm", [features, matrix, bias_name], f"encoded_{number}")
        features = graph.add("Relu", [f"encoded_{number}"], f"features_{number}")
    return features


def _decoder(graph: _Graph, weights: Mapping[str, Array], features: str) -> None:
    """Run the LSTM over all streams side by side, then the output layer."""
    for name, part in (("W", "weight_ih"), ("R", "weight_hh")):
        graph.constant(name, _gates(weights[f"decoder.rnn.{part}"])[None])
    biases = [_gates(weights[f"decoder.rnn.bias_{part}"]) for part in ("ih", "hh")]
    graph.constant("B", np.concatenate(biases)[None])
    graph.add("Gather", [features, "places"], "sequences", axis=0)
    node = helper.make_node(
        "LSTM",
        ["sequences", "W", "R", "B", "lengths", "h", "c"],
        ["outputs", "hn", "cn"],
        hidden_size=HIDDEN_SIZE,
    )
    graph.nodes.append(node)
    graph.add("Squeeze", ["outputs", graph.integers("direction", 1)], "squeezed")
    graph.add("Relu", ["squeezed"], "positive")
    weight = weights["decoder.decoder.2.weight"].reshape(HIDDEN_SIZE, 1)
    graph.add("MatMul", ["positive", graph.constant("out", weight)], "product")
    bias = graph.constant("out_bias", weights["decoder.decoder.2.bias"])
    graph.add("Add", ["product", bias], "logits")
    graph.add("Sigmoid", ["logits"], "probabilities")


def _gates(torch_order: Array) -> Array:
    """Return the gates in the order of ONNX (i, o, f, c) from that of torch (i, f, c, o)."""
    given, forget, cell, output = np.split(torch_order, 4)
    return np.concatenate((given, output, forget, cell))


def write_networks(source: Path, folder: Path) -> list[Path]:
    """Write the network of each sample rate into a folder and return the files.

    Args:
        source: ``silero_vad/data/silero_vad.onnx`` of the package ``silero-vad``.
        folder: Of the bundled weights; their manifests keep the checksums of these files.
    """
    written = []
    for rate_hz in BRANCHES:
        path = folder / f"silero_vad_{rate_hz // 1000}k.onnx"
        onnx.save(build(read_weights(source, rate_hz)), path)
        written.append(path)
    return written

"""The bundled voice activity networks, written from a file like that of the Silero package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import models
from training.vad.rearrange import BRANCHES, HIDDEN_SIZE, STEPS, STRIDES, banded

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    from training.vad.rearrange import Array

BUNDLED = Path(models.__file__).parent / "weights" / "vad"


@pytest.mark.parametrize(("steps", "stride"), [(4, 1), (4, 2), (2, 2), (1, 1)])
def test_a_banded_matrix_is_the_convolution(steps: int, stride: int) -> None:
    """Kernel 3, one step of zeros on both sides."""
    random = np.random.default_rng(1)
    kernel = random.standard_normal((5, 3, 3)).astype(np.float32)
    signal = random.standard_normal((steps, 3)).astype(np.float32)
    padded = np.pad(signal, ((1, 1), (0, 0)))
    expected = [
        [float(np.sum(row.T * padded[start : start + 3])) for row in kernel]
        for start in range(0, steps, stride)
    ]

    found = signal.reshape(-1) @ banded(kernel, steps, stride)

    np.testing.assert_allclose(found, np.reshape(expected, -1), rtol=1e-4, atol=1e-5)


def test_the_bundled_networks_are_written_again(
    run_train: Callable[..., Result], tmp_path: Path
) -> None:
    """From a file in the form of the package, with the weights of the bundled files."""
    source = tmp_path / "silero_vad.onnx"
    branches = {branch: _package_weights(rate_hz) for rate_hz, branch in BRANCHES.items()}
    onnx.save(_package_file(branches), source)

    result = run_train("vad", source, "--out", tmp_path)

    assert result.exit_code == 0, result.output
    for name in ("silero_vad_16k.onnx", "silero_vad_8k.onnx"):
        written, bundled = onnx.load(tmp_path / name).graph, onnx.load(BUNDLED / name).graph
        assert list(written.node) == list(bundled.node)
        assert _constants(written).keys() == _constants(bundled).keys()
        for constant, value in _constants(bundled).items():
            np.testing.assert_array_equal(_constants(written)[constant], value, err_msg=constant)


def _constants(graph: onnx.GraphProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def _package_weights(rate_hz: int) -> dict[str, Array]:
    """Return the tensors of the package from which a bundled network was made."""
    constants = _constants(onnx.load(BUNDLED / f"silero_vad_{rate_hz // 1000}k.onnx").graph)
    weights = {
        "stft.forward_basis_buffer": constants["basis"].T[:, None],
        "decoder.decoder.2.weight": constants["out"].reshape(1, HIDDEN_SIZE, 1),
        "decoder.decoder.2.bias": constants["out_bias"],
        "decoder.rnn.weight_ih": _torch_gates(constants["W"][0]),
        "decoder.rnn.weight_hh": _torch_gates(constants["R"][0]),
    }
    for part, bias in zip(("ih", "hh"), np.split(constants["B"][0], 2), strict=True):
        weights[f"decoder.rnn.bias_{part}"] = _torch_gates(bias)
    steps = STEPS
    for number, stride in enumerate(STRIDES):
        steps_out = (steps - 1) // stride + 1
        matrix = constants[f"encoder_{number}"]
        matrix = matrix.reshape(steps, matrix.shape[0] // steps, steps_out, -1)
        weights[f"encoder.{number}.reparam_conv.weight"] = _kernel(matrix, stride)
        bias = constants[f"encoder_bias_{number}"]
        weights[f"encoder.{number}.reparam_conv.bias"] = bias[: len(bias) // steps_out]
        steps = steps_out
    return weights


def _kernel(matrix: Array, stride: int) -> Array:
    """Return the kernel of a banded matrix; a tap that meets padding only is 0."""
    steps, width_in, steps_out, width_out = matrix.shape
    kernel = np.zeros((width_out, width_in, 3), np.float32)
    for step_out in range(steps_out):
        for tap in range(3):
            step = step_out * stride + tap - 1
            if 0 <= step < steps:
                kernel[:, :, tap] = matrix[step, :, step_out, :].T
    return kernel


def _torch_gates(onnx_order: Array) -> Array:
    given, output, forget, cell = np.split(onnx_order, 4)
    return np.concatenate((given, forget, cell, output))


def _package_file(branches: dict[str, dict[str, Array]]) -> onnx.ModelProto:
    """Return a file with one network a branch, its tensors in Constant nodes."""
    graphs = {
        branch: helper.make_graph(
            [
                helper.make_node(
                    "Constant", [], [f"{branch}__{name}"], value=numpy_helper.from_array(value)
                )
                for name, value in weights.items()
            ],
            branch,
            [],
            [],
        )
        for branch, weights in branches.items()
    }
    choice = helper.make_node("If", ["is_wide"], ["probability"], **graphs)
    return helper.make_model(helper.make_graph([choice], "silero_vad", [], []))

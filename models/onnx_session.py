"""How a graph is loaded on ONNX Runtime, the same for every model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_state

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

ONNX_ERRORS = (  # all that ONNX Runtime raises itself; they share no base but Exception
    onnx_state.EPFail,
    onnx_state.EngineError,
    onnx_state.Fail,
    onnx_state.InvalidArgument,
    onnx_state.InvalidGraph,
    onnx_state.InvalidProtobuf,
    onnx_state.ModelLoaded,
    onnx_state.NoModel,
    onnx_state.NoSuchFile,
    onnx_state.NotImplemented,
    onnx_state.RuntimeException,
)


def open_session(path: Path, *, device: str, threads: int) -> onnxruntime.InferenceSession:
    """Return a session that neither spins nor takes threads of its own.

    Raises:
        ModelIntegrityError: Not a graph that this ONNX Runtime reads.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    provider = "CPUExecutionProvider" if device == "cpu" else "CUDAExecutionProvider"
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except ONNX_ERRORS as error:
        raise ModelIntegrityError(f"{path} cannot be loaded: {error}") from error

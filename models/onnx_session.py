"""How a graph is loaded on ONNX Runtime, the same for every model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path


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
    except Exception as error:  # its own exceptions share no public base
        raise ModelIntegrityError(f"{path} cannot be loaded: {error}") from error

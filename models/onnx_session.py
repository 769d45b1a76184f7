"""How a graph is loaded on ONNX Runtime, the same for every model."""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING, Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_state

from schemas.errors import ConfigurationError, ModelIntegrityError

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
_DEVICE = re.compile(r"cpu|(?P<cuda>cuda)(?::(?P<number>\d+))?")


def open_session(path: Path, *, device: str, threads: int) -> onnxruntime.InferenceSession:
    """Return a session that neither spins nor takes threads of its own.

    Args:
        path: Of the graph.
        device: ``cpu``, ``cuda``, or ``cuda:1`` for the second one.
        threads: Of one operation.

    Raises:
        ConfigurationError: Another device, or one that this ONNX Runtime cannot use.
        ModelIntegrityError: Not a graph that this ONNX Runtime reads.
    """
    provider, provider_options = execution_provider(device)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    providers = [(provider, provider_options)]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except ONNX_ERRORS as error:
        raise ModelIntegrityError(f"{path} cannot be loaded: {error}") from error
    if provider not in session.get_providers():  # it goes on without one that does not start
        raise ConfigurationError(
            f"ONNX Runtime could not start {provider} for the device {device!r}, and runs on "
            f"{' and '.join(session.get_providers())}: see that its CUDA and cuDNN are installed"
        )
    return session


def return_freed_memory() -> None:
    """Give memory back that loading a graph took for a moment; glibc would keep it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # macOS and musl have none
    if trim is not None:
        trim(0)


def execution_provider(device: str) -> tuple[str, dict[str, Any]]:
    """Return what runs graphs on a device, and its options.

    Raises:
        ConfigurationError: No device of ONNX Runtime, or one that is not built into this one.
    """
    found = _DEVICE.fullmatch(device)
    if found is None:
        raise ConfigurationError(
            f"ONNX Runtime has no device {device!r}: use cpu, cuda, or cuda:N for one of several"
        )
    if not found["cuda"]:
        return "CPUExecutionProvider", {}
    provider, available = "CUDAExecutionProvider", onnxruntime.get_available_providers()
    if provider not in available:
        raise ConfigurationError(
            f"this ONNX Runtime cannot run on {device!r}, for it has only {', '.join(available)}: "
            "install onnxruntime-gpu in its place, or use cpu"
        )
    return provider, {"device_id": found["number"] or "0"}

"""A Llama model that reads tokens, and keeps the keys and values of what it has read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from models.onnx_session import open_session
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from models.analytics.network.weights import LlamaDimensions


class LlamaNetwork:
    """One sequence of tokens under way; not to be used by two threads at a time.

    Args:
        graph: File of `llama_model`, whose weights lie beside it.
        dims: Sizes of the model.
        capacity: Most tokens of a sequence.
        threads: Of ONNX Runtime.

    Raises:
        ConfigurationError: The model reads no sequence of this length.
        ModelIntegrityError: ONNX Runtime does not read the graph.
    """

    def __init__(self, graph: Path, dims: LlamaDimensions, capacity: int, *, threads: int) -> None:
        if capacity > dims.positions:
            msg = f"prompt and answer take up to {capacity} tokens, the model {dims.positions}"
            raise ConfigurationError(f"{msg}: allow a shorter prompt")
        self.capacity = capacity
        self._session = open_session(graph, device="cpu", threads=threads)
        self._binding: Any = self._session.io_binding()
        shape = (1, dims.kv_heads, capacity, dims.head_width)
        for layer in range(dims.layers):
            for kind in ("key", "value"):
                buffer = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
                self._binding.bind_ortvalue_input(f"past_{kind}.{layer}", buffer)
                self._binding.bind_ortvalue_output(f"present_{kind}.{layer}", buffer)
        self._logits = onnxruntime.OrtValue.ortvalue_from_numpy(
            np.zeros(dims.vocabulary, np.float32)
        )
        self._binding.bind_ortvalue_output("logits", self._logits)
        self._read: list[int] = []

    def rewind(self, tokens: Sequence[int]) -> int:
        """Forget what was read from where it differs from a sequence; return what is kept.

        At least the last token is left to be read.
        """
        kept = 0
        for one, other in zip(self._read, tokens[:-1], strict=False):
            if one != other:
                break
            kept += 1
        del self._read[kept:]
        return kept

    def read(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """Return the logits after further tokens, shape (vocabulary,).

        Args:
            tokens: At least one; with all before, no more than the capacity.
        """
        assert tokens
        assert len(self._read) + len(tokens) <= self.capacity
        total = len(self._read) + len(tokens)
        binding = self._binding
        binding.bind_cpu_input("tokens", np.array([tokens], dtype=np.int64))
        binding.bind_cpu_input("last", np.array([total - 1], dtype=np.int32))
        binding.bind_cpu_input("total", np.array(total, dtype=np.int32))
        self._session.run_with_iobinding(binding)
        self._read += tokens
        return np.array(self._logits.numpy())

"""The weights of a Llama model in a GGUF file, with those of a LoRA adapter added.

Source: llama.cpp, ``gguf-py/gguf/constants.py`` and ``src/llama-model.cpp``, for the names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.store.gguf_file import open_gguf, read_field, read_lora, read_tensor
from schemas.errors import ConfigurationError, ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    import gguf
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

ARCHITECTURES = ("llama", "qwen2")  # as llama.cpp names them; Mistral is a llama
ROW_BLOCK = 32  # weights of a row that can share a scale, as in every quantised GGUF file
_MOST_POSITIONS = 8_192  # that tables are made for
_OTHER_BACKEND = "choose the back-end llama"


class LlamaDimensions(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes of a model.

    Attributes:
        layers: Number of them.
        width: Of a token's state.
        heads: Of the queries.
        kv_heads: Of keys and values.
        head_width: Of one head.
        vocabulary: Number of tokens.
        positions: Most tokens of prompt and answer.
        rope_base: Of the rotation by position.
        is_interleaved: The rotation takes neighbouring components, not the halves of a head.
        epsilon: Of the norms.
    """

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    positions: int
    rope_base: float
    is_interleaved: bool
    epsilon: float


class LlamaWeights:
    """Weights by llama.cpp's names, in fp32 when they are asked for.

    Args:
        base: GGUF file.
        adapter: LoRA as a GGUF file; None without.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelIntegrityError: A file is damaged.
        ConfigurationError: Another architecture, or an adapter of another base.
    """

    def __init__(self, base: Path, adapter: Path | None = None) -> None:
        self.reader = open_gguf(base)
        self._path = base
        self._tensors = {each.name: each for each in self.reader.tensors}
        self.dimensions = self._read_dimensions()
        self._added: dict[str, tuple[FloatArray, FloatArray]] = {}
        if adapter is not None:
            self._add(adapter)

    def has(self, name: str) -> bool:
        """Return whether there are weights of this name."""
        return name in self._tensors

    def read(self, name: str) -> FloatArray:
        """Return weights, shape (outputs, inputs) or (width,).

        Raises:
            ModelIntegrityError: There are none.
        """
        if name not in self._tensors:
            raise ModelIntegrityError(f"{self._path} has no weights {name}")
        values = read_tensor(self._tensors[name])
        if name in self._added:
            a, b = self._added[name]
            values = values + b @ a
        return values

    def _read_dimensions(self) -> LlamaDimensions:
        kind = str(read_field(self.reader, "general.architecture"))
        if kind not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise ConfigurationError(
                f"{self._path} is a {kind} model; the back-end onnx runs {known}: {_OTHER_BACKEND}"
            )
        if read_field(self.reader, f"{kind}.rope.scaling.type") not in {None, "none"} or (
            "rope_freqs.weight" in self._tensors
        ):
            raise ConfigurationError(f"{self._path} stretches its positions: {_OTHER_BACKEND}")
        heads = self._whole(f"{kind}.attention.head_count")
        odd = next((t for t in self._tensors.values() if _is_odd(t)), None)
        if odd is not None:
            msg = f"{self._path}: the rows of {odd.name} are no blocks of {ROW_BLOCK}"
            raise ConfigurationError(f"{msg}: {_OTHER_BACKEND}")
        width = self._whole(f"{kind}.embedding_length")
        head_width = self._whole(f"{kind}.attention.key_length", width // heads)
        return LlamaDimensions(
            layers=self._whole(f"{kind}.block_count"),
            width=width,
            heads=heads,
            kv_heads=self._whole(f"{kind}.attention.head_count_kv", heads),
            head_width=head_width,
            vocabulary=int(self._tensor("token_embd.weight").shape[-1]),
            positions=min(self._whole(f"{kind}.context_length"), _MOST_POSITIONS),
            rope_base=self._real(f"{kind}.rope.freq_base", 10_000.0),
            is_interleaved=kind == "llama",
            epsilon=self._real(f"{kind}.attention.layer_norm_rms_epsilon", 1e-5),
        )

    def _add(self, adapter: Path) -> None:
        found = read_lora(adapter)
        for name, (a, b) in found.pairs.items():
            shape = tuple(map(int, reversed(self._tensor(name).shape)))
            if (len(b), a.shape[-1]) != shape or b.shape[-1] != len(a):
                raise ConfigurationError(f"{adapter} does not fit {name} of {self._path}")
            self._added[name] = a, b * np.float32(found.scale)

    def _tensor(self, name: str) -> gguf.ReaderTensor:
        if name not in self._tensors:
            raise ModelIntegrityError(f"{self._path} has no weights {name}")
        return self._tensors[name]

    def _whole(self, name: str, default: int = 0) -> int:
        value = read_field(self.reader, name)
        if not isinstance(value, int):
            value = default
        if value < 1:
            raise ModelIntegrityError(f"{self._path} does not tell its {name}")
        return value

    def _real(self, name: str, default: float) -> float:
        value = read_field(self.reader, name)
        return value if isinstance(value, float) else default


def _is_odd(tensor: gguf.ReaderTensor) -> bool:
    return len(tensor.shape) > 1 and bool(int(tensor.shape[0]) % ROW_BLOCK)

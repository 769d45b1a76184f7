"""A LoRA adapter in one neutral form; every file format is read into it and written from it.

An adapted linear layer computes ``W x + scale * B (A x)``.
Source: Hu et al. 2021, arXiv:2106.09685, section 4.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

FloatArray = npt.NDArray[np.float32]
MATRIX = 2  # dimensions
_MODULE = re.compile(r"model\.layers\.(\d+)\.((?:self_attn|mlp)\.[a-z]+_proj)")


@dataclass(frozen=True, slots=True)
class LoraPair:
    """The two matrices of one linear layer.

    Attributes:
        a: Shape (rank, inputs).
        b: Shape (outputs, rank).
    """

    a: FloatArray
    b: FloatArray


@dataclass(frozen=True)
class LoraAdapter:
    """The matrices of an adapter by module.

    Attributes:
        base: Name or path of the base model, as the adapter names it; may be empty.
        scale: Factor of the product ``B A``: PEFT's ``lora_alpha / r``, MLX's ``scale``.
        pairs: By the path of the linear layer in a Hugging Face model, such as
            ``model.layers.3.self_attn.q_proj``.
        dropout: Of the training.
    """

    base: str
    scale: float
    pairs: Mapping[str, LoraPair]
    dropout: float = 0.0

    @cached_property
    def rank(self) -> int:
        """Inner size of every product."""
        return int(next(iter(self.pairs.values())).a.shape[0])

    @property
    def alpha(self) -> float:
        """PEFT's and GGUF's name for ``scale * rank``; a whole number where it is nearly one."""
        alpha = self.scale * self.rank
        return float(round(alpha)) if abs(alpha - round(alpha)) < 1e-6 * alpha else alpha

    @property
    def keys(self) -> tuple[str, ...]:
        """The kinds of adapted layers, such as ``self_attn.q_proj``."""
        return tuple(sorted({place(name)[1] for name in self.pairs}))

    @property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the adapted layers, ascending."""
        return tuple(sorted({place(name)[0] for name in self.pairs}))

    @property
    def parameters(self) -> int:
        """How many numbers there are."""
        return sum(pair.a.size + pair.b.size for pair in self.pairs.values())

    @property
    def is_regular(self) -> bool:
        """Whether every adapted layer has the same kinds of adapted linear layers."""
        return len(self.pairs) == len(self.keys) * len(self.layers)

    def delta(self, name: str) -> FloatArray:
        """Return what the adapter adds to the weights of a module, shape (outputs, inputs)."""
        pair = self.pairs[name]
        return np.float32(self.scale) * (pair.b @ pair.a)


def make_adapter(
    base: str, scale: float, matrices: Mapping[str, tuple[FloatArray, FloatArray]], dropout: float
) -> LoraAdapter:
    """Return an adapter of matrices A and B by module, in fp32 and checked.

    Raises:
        ModelIntegrityError: There are none, their shapes do not fit, or ranks differ.
    """
    pairs = {}
    for name, (a, b) in sorted(matrices.items(), key=lambda item: place(item[0])):
        if a.ndim != MATRIX or b.ndim != MATRIX or a.shape[0] != b.shape[1]:
            msg = f"adapter: {name} has A of {a.shape} and B of {b.shape}: not (rank, inputs), "
            raise ModelIntegrityError(msg + "(outputs, rank)")
        pairs[name] = LoraPair(
            np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
        )
    ranks = sorted({pair.a.shape[0] for pair in pairs.values()})
    if len(ranks) != 1:
        found = f"ranks {ranks}" if ranks else "no matrices"
        raise ModelIntegrityError(f"adapter: {found}; adapters of one rank are supported")
    return LoraAdapter(base, scale, pairs, dropout)


def place(name: str) -> tuple[int, str]:
    """Return the number of the layer and the kind of a module.

    Raises:
        ModelIntegrityError: It is no linear layer of attention or MLP.
    """
    found = _MODULE.fullmatch(name)
    if found is None:
        msg = f"adapter: {name} is no linear layer of attention or MLP; no other is supported"
        raise ModelIntegrityError(msg)
    return int(found[1]), found[2]

"""Exported int8 graphs read back as the weights that they multiply with.

Each integer becomes itself times its scale; what the rounding lost stays lost. Weights come in the
order in which `models.asr.exporting.whisper_graphs` writes them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import numpy_helper

from models.asr.checkpoints.onnx_store import EMBEDDING_FACTORS, EXPORT_VERSION, GraphManifest
from models.asr.core.dimensions import KERNEL
from models.asr.core.positions import sinusoids
from models.row_codes import ROWS_AFTER, ROWS_BEFORE, coded_names, widened_columns
from models.store.manifest import load_manifest, verified_weights
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from models.asr.core.dimensions import WhisperDimensions

    Array = npt.NDArray[np.float32]
    Tensors = dict[str, Array]

_PRODUCT, _NORM = "DynamicQuantizeMatMul", "LayerNormalization"
_EMBEDDING, _POSITIONS = "token_embedding.weight", "positional_embedding"


def read_graphs(path: Path) -> tuple[GraphManifest, Tensors]:
    """Return the manifest of exported graphs and their weights under openai-whisper's names.

    Args:
        path: Of the manifest.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged, or the graphs are of another version.
    """
    manifest = load_manifest(path, GraphManifest)
    if manifest.export_version != EXPORT_VERSION or manifest.precision != "int8":
        raise ModelIntegrityError(f"{path} describes no int8 graphs of this version: export again")
    encoder = onnx.load(verified_weights(path, manifest))
    decoder = onnx.load(path.parent / manifest.decoder_file)
    try:
        tensors = _encoder(_Weights(encoder), manifest.dims)
        tensors |= _decoder(_Weights(decoder), manifest.dims)
    except (StopIteration, ValueError) as error:
        raise ModelIntegrityError(f"{path} describes graphs of another form") from error
    return manifest, {
        name: np.array(tensor, np.float32, order="C") for name, tensor in tensors.items()
    }


class _Weights:
    """The weights of a graph, one layer after another."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._arrays: dict[str, npt.NDArray[Any]] = {
            each.name: numpy_helper.to_array(each) for each in model.graph.initializer
        }
        widened = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Cast"}
        self._arrays |= {
            to: self._arrays[name] for to, name in widened.items() if name in self._arrays
        }
        self._arrays |= self._widened_rows(model)
        self._products = self._layers(model, _PRODUCT)
        self._norms = self._layers(model, _NORM)

    def _widened_rows(self, model: onnx.ModelProto) -> dict[str, npt.NDArray[Any]]:
        """Return the weight of which some rows are coded, under the name of its node."""
        if ROWS_BEFORE not in self._arrays:
            return {}
        name = next(n.output[0] for n in model.graph.node if n.input[:1] == [ROWS_BEFORE])
        names = map(coded_names, itertools.count())
        coded = itertools.takewhile(lambda pair: pair[0] in self._arrays, names)
        parts = [
            widened_columns(self._arrays[nibbles], self._arrays.get(plane))
            for nibbles, plane in coded
        ]
        whole = (self._arrays[ROWS_BEFORE], *parts, self._arrays[ROWS_AFTER])
        return {name: np.concatenate(whole, axis=1)}

    def table(self, *shape: int) -> Array | None:
        """Return the floating constant of this shape, if any."""
        found = (each for each in self._arrays.values() if each.shape == shape)
        return next((each.astype(np.float32) for each in found if each.dtype.kind == "f"), None)

    def named(self, name: str) -> Array:
        """Return the constant of this name."""
        if name not in self._arrays:
            raise ValueError(f"no {name}")
        return self._arrays[name]

    def product(self) -> tuple[Array, Array]:
        """Return weight (outputs, inputs) and bias of the next product; no bias is zeros."""
        columns, scales, bias = next(self._products)
        weight = (columns.astype(np.float32) * scales).T
        return weight, np.zeros(len(weight), np.float32) if bias is None else bias

    def norm(self, name: str) -> Tensors:
        """Return the next layer norm."""
        weight, bias, _ = next(self._norms)
        return _named(name, weight.astype(np.float32), bias.astype(np.float32))

    def linear(self, name: str, divisor: float = 1.0) -> Tensors:
        """Return the next product under a name, divided by what the export multiplied it with."""
        weight, bias = self.product()
        return _named(name, weight / np.float32(divisor), bias / np.float32(divisor))

    def _layers(
        self, model: onnx.ModelProto, kind: str
    ) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any] | None]]:
        for node in model.graph.node:
            if node.op_type == kind:
                one, other, *rest = (self._arrays.get(name) for name in node.input[1:])
                if one is None or other is None:
                    raise ValueError(f"a {kind} without its weights")
                yield one, other, rest[-1] if rest else None


def _named(name: str, weight: Array, bias: Array) -> Tensors:
    return {f"{name}.weight": weight, f"{name}.bias": bias}


def _encoder(weights: _Weights, dims: WhisperDimensions) -> Tensors:
    width = dims.n_audio_state
    tensors: Tensors = {}
    for number, inputs in enumerate((dims.n_mels, width), 1):
        weight, bias = weights.product()
        taps = weight.reshape(width, KERNEL, inputs).transpose(0, 2, 1)
        tensors |= _named(f"encoder.conv{number}", taps, bias)
    table = weights.table(dims.n_audio_ctx, width)
    positions = sinusoids(dims.n_audio_ctx, width) if table is None else table
    tensors[f"encoder.{_POSITIONS}"] = positions
    for layer in range(dims.n_audio_layer):
        block = f"encoder.blocks.{layer}"
        tensors |= _self_attention(weights, block, width // dims.n_audio_head)
        tensors |= _mlp(weights, block)
    tensors |= weights.norm("encoder.ln_post")
    return tensors | _cross_attention_to_audio(weights, dims)


def _cross_attention_to_audio(weights: _Weights, dims: WhisperDimensions) -> Tensors:
    """Return what the encoder's graph computes for the decoder's layers: keys and values."""
    tensors: Tensors = {}
    weight, bias = weights.product()
    parts = 2 * dims.n_text_layer
    pairs = zip(np.split(weight, parts), np.split(bias, parts), strict=True)
    for number, (part, part_bias) in enumerate(pairs):
        name = f"decoder.blocks.{number // 2}.cross_attn.{('key', 'value')[number % 2]}"
        tensors |= _named(name, part, part_bias)
        if name.endswith("key"):
            del tensors[f"{name}.bias"]  # keys have none
    return tensors


def _decoder(weights: _Weights, dims: WhisperDimensions) -> Tensors:
    width = dims.n_text_state
    positions = weights.table(dims.n_text_ctx, width)
    if positions is None:
        raise ValueError("no positions")
    tensors: Tensors = {f"decoder.{_POSITIONS}": positions}
    head = width // dims.n_text_head
    for layer in range(dims.n_text_layer):
        block = f"decoder.blocks.{layer}"
        tensors |= _self_attention(weights, block, head)
        tensors |= weights.norm(f"{block}.cross_attn_ln")
        tensors |= weights.linear(f"{block}.cross_attn.query", head**-0.5)
        tensors |= weights.linear(f"{block}.cross_attn.out")
        tensors |= _mlp(weights, block)
    factors = weights.named(EMBEDDING_FACTORS)
    tensors |= {name: each / factors for name, each in weights.norm("decoder.ln").items()}
    return tensors | {f"decoder.{_EMBEDDING}": weights.product()[0] * factors}


def _self_attention(weights: _Weights, block: str, head: int) -> Tensors:
    name = f"{block}.attn"
    tensors = weights.norm(f"{name}_ln")
    weight, bias = weights.product()
    (query, key, value), (query_bias, _, value_bias) = np.split(weight, 3), np.split(bias, 3)
    scale = np.float32(head**-0.5)
    tensors |= _named(f"{name}.query", query / scale, query_bias / scale)
    tensors[f"{name}.key.weight"] = key
    tensors |= _named(f"{name}.value", value, value_bias)
    return tensors | weights.linear(f"{name}.out")


def _mlp(weights: _Weights, block: str) -> Tensors:
    tensors = weights.norm(f"{block}.mlp_ln")
    return tensors | weights.linear(f"{block}.mlp.0") | weights.linear(f"{block}.mlp.2")

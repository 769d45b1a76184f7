"""The parameters, the configuration and the tokenizer of an exported encoder, read back.

Products and tables of an int8 graph become what the graph multiplies with: each integer times its
scale. Only the rounding of activations, which the graph does while it runs, is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from onnx import numpy_helper
from transformers import AutoConfig, PreTrainedTokenizerFast

from models.text.encoder import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from onnx import ModelProto, NodeProto
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from models.text.encoder import SpecialTokens

    Array = npt.NDArray[np.float32]

_BIAS, _WEIGHT = ".bias", ".weight"
_TABLE, _TABLE_SCALES = ".int8", ".scales"
_INT8_PRODUCT, _PRODUCT = "MatMulIntegerToFloat", "MatMul"
_COLUMN_SCALES = 3  # index among the inputs of an int8 product


def encoder_config(settings: Mapping[str, Any]) -> PreTrainedConfig:
    """Return the configuration of an encoder from the settings in a manifest."""
    kept = dict(settings)
    config: PreTrainedConfig = AutoConfig.for_model(kept.pop("model_type"), **kept)
    return config


def exported_tokenizer(path: Path, ids: SpecialTokens, max_tokens: int) -> PreTrainedTokenizerBase:
    """Return the tokenizer of an exported model; it keeps the tail of a long text.

    Args:
        path: Of its file.
        ids: Of its special tokens.
        max_tokens: Longest text.

    Raises:
        ModelIntegrityError: The file is not one.
    """
    tokenizer = load_tokenizer(path)
    named = {
        "cls_token": tokenizer.id_to_token(ids.first) if ids.first >= 0 else None,
        "sep_token": tokenizer.id_to_token(ids.last) if ids.last >= 0 else None,
        "pad_token": tokenizer.id_to_token(ids.padding),
        "unk_token": getattr(tokenizer.model, "unk_token", None),
    }
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=max_tokens,
        truncation_side="left",
        **{name: token for name, token in named.items() if token is not None},
    )


def graph_parameters(graph: ModelProto, modules: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Return the parameters of a graph as floats, by their names in the network.

    Args:
        graph: As `training.text.tracing` and `training.text.quantise` make it.
        modules: How the names of parameters begin.
    """
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.graph.initializer}
    found = {}
    for name, array in arrays.items():
        if name.startswith(modules) and name.endswith(_TABLE):
            plain = name.removesuffix(_TABLE)
            found[plain] = array * arrays[plain + _TABLE_SCALES]
        elif name.startswith(modules) and name.endswith((_BIAS, _WEIGHT)):
            found[name] = array
    readers = {name: node for node in graph.graph.node for name in node.input}
    for node in graph.graph.node:
        matrix = _matrix(node, arrays)
        name = "" if matrix is None else _weight_name(node, readers, arrays)
        if matrix is not None and name:
            found[name] = matrix.T
    return {name: torch.from_numpy(array.astype("float32")) for name, array in found.items()}


def _matrix(node: NodeProto, arrays: dict[str, Array]) -> Array | None:
    """Return what a node multiplies with, shape (inputs, outputs)."""
    if node.op_type not in {_INT8_PRODUCT, _PRODUCT} or node.input[1] not in arrays:
        return None
    matrix = arrays[node.input[1]]
    if node.op_type == _INT8_PRODUCT:
        return matrix * arrays[node.input[_COLUMN_SCALES]]
    return matrix


def _weight_name(
    product: NodeProto, readers: dict[str, NodeProto], arrays: dict[str, Array]
) -> str:
    """Return the name of a product's weights, by that of the bias that is added to it."""
    node = readers.get(product.output[0])
    while node is not None and node.op_type == "Mul":  # by the scales of the activations
        node = readers.get(node.output[0])
    if node is None or node.op_type != "Add":
        return ""
    biases = [name for name in node.input if name in arrays and name.endswith(_BIAS)]
    return biases[0].removesuffix(_BIAS) + _WEIGHT if biases else ""

"""Exported end-of-turn models, read back from their graphs as the start of a training.

Products and tables of an int8 graph become what the graph multiplies with: each integer times its
scale. Only the rounding of activations, which the graph does while it runs, is not there.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnx
import torch
from onnx import numpy_helper
from transformers import AutoConfig, PreTrainedTokenizerFast

from models.store.layout import BUNDLED, serving_manifests, source_path
from models.store.manifest import verified_weights
from models.text.encoder import load_tokenizer
from models.turns.manifest import TURN_MODELS, load_turn_manifest
from schemas.errors import ModelIntegrityError
from training.core.errors import RecipeError
from training.turns.learning.classifier import TurnClassifier

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from onnx import ModelProto, NodeProto
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from models.turns.manifest import TurnManifest

    Array = npt.NDArray[np.float32]

_OURS = ("encoder.", "heads.")
_ENCODER, _HEADS = _OURS
_BIAS, _WEIGHT = ".bias", ".weight"
_TABLE, _TABLE_SCALES = ".int8", ".scales"
_INT8_PRODUCT, _PRODUCT = "MatMulIntegerToFloat", "MatMul"
_COLUMN_SCALES = 3  # index among the inputs of an int8 product
_CONFIG_NAME = "config.json"


@dataclass(frozen=True)
class ExportedModel:
    """A model as it was exported.

    Attributes:
        networks: By variant, in evaluation mode; they share no tensors.
        tokenizer: It keeps the tail of a long text.
        manifest: Beside the graph.
    """

    networks: dict[str, TurnClassifier]
    tokenizer: PreTrainedTokenizerBase
    manifest: TurnManifest


def exported_manifest(model: str) -> Path | None:
    """Return the manifest that a base means: ``bundled``, or a path; None for any other base.

    Raises:
        RecipeError: A folder holds several graphs.
    """
    path = source_path(model, TURN_MODELS)
    if model != BUNDLED:
        if path.is_file() and path.suffix == ".json":
            return path
        has_graph = any((*path.glob("*.onnx"), *path.glob("*/*.onnx")))
        if (path / _CONFIG_NAME).is_file() or not has_graph:
            return None
    found = serving_manifests(path, TURN_MODELS)
    if len(found) > 1:
        names = ", ".join(str(each) for each in found)
        raise RecipeError(f"base.model: {path} holds several graphs, name one of them: {names}")
    return found[0]


def read_exported(path: Path) -> ExportedModel:
    """Return the model of a manifest that ``callstream train turns-export`` wrote.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged, or the graph is not one of these exports.
    """
    manifest = load_turn_manifest(path)
    graph = onnx.load(verified_weights(path, manifest))
    if not manifest.encoder:
        raise ModelIntegrityError(
            f"{path} does not describe its encoder, so that no training can start from it: "
            "export the model again"
        )
    config = _config(manifest)
    parameters = _parameters(graph)
    try:
        networks = {
            variant: _network(config, parameters, number)
            for number, variant in enumerate(manifest.variants)
        }
    except RuntimeError as error:
        raise ModelIntegrityError(f"{path} is no graph to start from: {error}") from error
    return ExportedModel(networks, _tokenizer(path, manifest), manifest)


def _config(manifest: TurnManifest) -> PreTrainedConfig:
    settings: dict[str, Any] = {**manifest.encoder}
    config: PreTrainedConfig = AutoConfig.for_model(settings.pop("model_type"), **settings)
    return config


def _tokenizer(path: Path, manifest: TurnManifest) -> PreTrainedTokenizerBase:
    tokenizer = load_tokenizer(path.parent / manifest.tokenizer_file)
    ids = manifest.special_tokens
    named = {
        "cls_token": tokenizer.id_to_token(ids.first) if ids.first >= 0 else None,
        "sep_token": tokenizer.id_to_token(ids.last) if ids.last >= 0 else None,
        "pad_token": tokenizer.id_to_token(ids.padding),
        "unk_token": getattr(tokenizer.model, "unk_token", None),
    }
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=manifest.max_tokens,
        truncation_side="left",
        **{name: token for name, token in named.items() if token is not None},
    )


def _network(
    config: PreTrainedConfig, parameters: dict[str, torch.Tensor], number: int
) -> TurnClassifier:
    """Return the network of a variant, by its number in the graph."""
    network = TurnClassifier(copy.deepcopy(config))
    encoder, head = f"{network.base_model_prefix}.", f"{_HEADS}{number}."
    state = {
        place + name.removeprefix(part): parameter
        for part, place in ((_ENCODER, encoder), (head, ""))
        for name, parameter in parameters.items()
        if name.startswith(part)
    }
    network.load_state_dict(state)
    network.train(False)
    return network


def _parameters(graph: ModelProto) -> dict[str, torch.Tensor]:
    """Return the parameters of a graph as floats, by their names in `MergedNetwork`."""
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.graph.initializer}
    found = {}
    for name, array in arrays.items():
        if name.startswith(_OURS) and name.endswith(_TABLE):
            plain = name.removesuffix(_TABLE)
            found[plain] = array * arrays[plain + _TABLE_SCALES]
        elif name.startswith(_OURS) and name.endswith((_BIAS, _WEIGHT)):
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

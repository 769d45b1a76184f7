"""Exported end-of-turn models, read back from their graphs as the start of a training."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx

from models.store.layout import BUNDLED, serving_manifests, source_path
from models.store.manifest import verified_weights
from models.turns.manifest import TURN_MODELS, load_turn_manifest
from schemas.errors import ModelIntegrityError
from training.core.errors import RecipeError
from training.text.exported_graph import encoder_config, exported_tokenizer, graph_parameters
from training.turns.learning.classifier import TurnClassifier

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from models.turns.manifest import TurnManifest

_OURS = ("encoder.", "heads.")
_ENCODER, _HEADS = _OURS
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
    config = encoder_config(manifest.encoder)
    parameters = graph_parameters(graph, _OURS)
    try:
        networks = {
            variant: _network(config, parameters, number)
            for number, variant in enumerate(manifest.variants)
        }
    except RuntimeError as error:
        raise ModelIntegrityError(f"{path} is no graph to start from: {error}") from error
    tokenizer = exported_tokenizer(
        path.parent / manifest.tokenizer_file, manifest.special_tokens, manifest.max_tokens
    )
    return ExportedModel(networks, tokenizer, manifest)


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

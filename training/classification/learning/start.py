"""What a training starts from: a base without heads, or a model whose heads are taken by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import structlog
import torch
from transformers import AutoTokenizer

from models.classification.label_set import load_label_set
from models.classification.manifest import load_classification_manifest
from models.store.layout import BUNDLED
from models.store.manifest import bundled_manifest, verified_weights
from schemas.errors import ModelIntegrityError
from training.classification.learning.network import (
    HEADS,
    PRE_CLASSIFIER,
    MultiTaskClassifier,
    new_network,
    task_settings,
)
from training.classification.learning.recipe import HeadRecipe
from training.classification.learning.trained import LABEL_SET_NAME, load_classifier
from training.core.errors import MissingDataError
from training.text.exported_graph import encoder_config, exported_tokenizer, graph_parameters

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from models.classification.label_set import LabelSet

ENCODER, HEAD = "encoder.", "head."  # of parameters in an exported graph
TASK = "classification"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Start:
    """A trained model that another starts from.

    Attributes:
        network: In evaluation mode.
        tokenizer: Of its encoder.
    """

    network: MultiTaskClassifier
    tokenizer: PreTrainedTokenizerBase


def read_start(source: str, label_set: LabelSet) -> Start:
    """Return the trained model that a setting means.

    Args:
        source: ``bundled``: the weights that ship for the label set; or the folder of a trained
            model, or a manifest of ``classification-export``.
        label_set: That is trained.

    Raises:
        MissingDataError: There is none.
        ModelNotFoundError: A file of an exported model is missing.
        ModelIntegrityError: A file of an exported model is damaged.
    """
    if source == BUNDLED:
        return read_exported(bundled_manifest(TASK, label_set.name))
    path = Path(source).expanduser()
    if path.is_file() and path.suffix == ".json":
        return read_exported(path)
    if not (path / LABEL_SET_NAME).is_file():
        raise MissingDataError(
            f"start: {source!r} is no trained model: name {BUNDLED!r}, a folder that `callstream "
            "train classification` wrote, or a manifest of `classification-export`"
        )
    return Start(load_classifier(path).network, AutoTokenizer.from_pretrained(path))


def read_exported(path: Path) -> Start:
    """Return the model of a manifest that ``classification-export`` wrote.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged, or the graph is not one of these exports.
    """
    manifest = load_classification_manifest(path)
    graph = onnx.load(verified_weights(path, manifest))
    if not manifest.encoder:
        raise ModelIntegrityError(f"{path} does not describe its encoder: export the model again")
    config = encoder_config(manifest.encoder)
    config.tasks = task_settings(load_label_set(path.parent / manifest.label_set_file))
    network = MultiTaskClassifier(config)
    found = graph_parameters(graph, (ENCODER, PRE_CLASSIFIER, HEAD))
    pooler = f"{network.base_model_prefix}.pooler."  # no head reads it, so that no graph has it
    state = {name: p for name, p in network.state_dict().items() if name.startswith(pooler)}
    state |= {
        name.replace(ENCODER, f"{network.base_model_prefix}.", 1): tensor
        for name, tensor in found.items()
        if not name.startswith(HEAD)
    }
    for number, task in enumerate(network.tasks):
        for part in ("weight", "bias"):
            state[f"{HEADS}{number}.{part}"] = found[HEAD + part][task.start : task.stop]
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelIntegrityError(f"{path} is no graph to start from: {error}") from error
    network.train(False)
    tokenizer = exported_tokenizer(
        path.parent / manifest.tokenizer_file, manifest.special_tokens, manifest.max_tokens
    )
    return Start(network, tokenizer)


def started_network(start: Start, label_set: LabelSet, seed: int) -> MultiTaskClassifier:
    """Return a network for a label set with all that a trained one knows of it.

    Encoder and shared layer are taken as they are; a label's row of a head is taken where the
    trained model has a task and a label of that name, or of another spelling of the label. Rows of
    new labels are drawn by the seed.

    Args:
        start: The trained model.
        label_set: Of the new network.
        seed: Of what the trained model does not have.
    """
    old = start.network
    head = HeadRecipe(pooling=old.config.pooling, dropout=old.config.head_dropout)
    network = new_network(_encoder(old), label_set, head, seed)
    network.pre_classifier.load_state_dict(old.pre_classifier.state_dict())
    heads = dict(zip((task["name"] for task in old.config.tasks), old.heads, strict=True))
    names = {task["name"]: task["labels"] for task in old.config.tasks}
    taken = 0
    for task, new_head in zip(label_set.tasks, network.heads, strict=True):
        rows = {name: row for row, name in enumerate(task.names)}
        for old_row, old_name in enumerate(names.get(task.name, ())):
            name = old_name if old_name in rows else task.label_of(old_name)
            if name is None:
                continue
            with torch.no_grad():
                for part in ("weight", "bias"):
                    trained = getattr(heads[task.name], part)[old_row]
                    getattr(new_head, part)[rows[name]] = trained
            taken += 1
    log.info("start.taken", labels=taken, of=sum(len(task.labels) for task in label_set.tasks))
    return network


def _encoder(network: MultiTaskClassifier) -> PreTrainedModel:
    encoder: PreTrainedModel = network.encoder  # type: ignore[assignment]
    return encoder

"""One graph of several trained models: the encoder they share, and a head for each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import msgspec
import torch
from torch import nn

from models.text.encoder import load_tokenizer
from training.core.errors import MissingDataError
from training.text.encoder_base import WEIGHTS_NAME, needs_full_padding
from training.text.tracing import SIMPLEST_ATTENTION, trace_text_network
from training.turns.learning.classifier import TurnClassifier, load_classifier

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import ModelProto
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

LABELS = 2
ROWS = 2  # of a text that its head sees: products of one row are computed in another order
TOKENIZER_NAME = "tokenizer.json"
RECORD_NAME = "training.json"
MAX_TOKENS = 128


class _Record(msgspec.Struct, frozen=True):
    """What the export needs of a trained model beyond its weights."""

    model: str = ""
    set: str = ""
    text_form: Literal["spoken", "written"] = "spoken"
    languages: tuple[str, ...] = ()
    max_tokens: int = MAX_TOKENS
    padding: Literal["full", "bucket"] | None = None


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, read from its folder.

    Attributes:
        variant: Its name, that of the folder.
        set_name: Of the examples that it learnt from.
        network: In evaluation mode.
        tokenizer: With neither padding nor truncation.
        padding_id: Of the tokenizer.
        text_form, languages, max_tokens, padding: As in `TurnManifest`.
        weights_sha256: Of the file of weights.
        encoder_sha256: Of the encoder's parameters without the pooler, and of all that decides
            what goes into it: equal for models that can share a graph.
    """

    variant: str
    set_name: str
    network: TurnClassifier
    tokenizer: Tokenizer
    padding_id: int
    text_form: Literal["spoken", "written"]
    languages: tuple[str, ...]
    max_tokens: int
    padding: Literal["full", "bucket"]
    weights_sha256: str
    encoder_sha256: str


def read_model(folder: Path) -> TrainedModel:
    """Return the model of a folder that `callstream train turns` wrote, or one like it.

    Raises:
        MissingDataError: A file is missing or is not valid.
        ModelIntegrityError: The tokenizer cannot be read.
    """
    network, fast = load_classifier(folder)
    record = _read_record(folder)
    variant = record.model or folder.resolve().name
    padding = record.padding or ("full" if needs_full_padding(network.config) else "bucket")
    decides = (record.text_form, record.languages, record.max_tokens, padding)
    tokenizer = _read_tokenizer(folder)
    digest = hashlib.sha256(repr((decides, tokenizer.to_str())).encode())
    for name, tensor in sorted(network.encoder.state_dict().items()):
        if not name.startswith("pooler."):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return TrainedModel(
        variant=variant,
        set_name=record.set or variant,
        network=network,
        tokenizer=tokenizer,
        padding_id=int(fast.pad_token_id or 0),
        text_form=record.text_form,
        languages=record.languages,
        max_tokens=record.max_tokens,
        padding=padding,
        weights_sha256=hashlib.sha256((folder / WEIGHTS_NAME).read_bytes()).hexdigest(),
        encoder_sha256=digest.hexdigest(),
    )


def group_by_encoder(models: Sequence[TrainedModel]) -> list[list[TrainedModel]]:
    """Return the models in groups that can share a graph, in the order given."""
    groups: dict[str, list[TrainedModel]] = {}
    for model in models:
        groups.setdefault(model.encoder_sha256, []).append(model)
    return list(groups.values())


class MergedNetwork(nn.Module):
    """One encoder, the heads of several models.

    Args:
        networks: Their encoders are the same but for the pooler.
    """

    def __init__(self, networks: Sequence[TurnClassifier]) -> None:
        super().__init__()
        self.encoder = networks[0].encoder
        self.heads = nn.ModuleList(networks)
        self._judges = [network.judge for network in networks]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the logits, shape (texts, networks, 2)."""
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        states: torch.Tensor = output.last_hidden_state
        rows = states[:, :ROWS].reshape(-1, states.shape[-1])
        logits = [judge(rows).reshape(-1, ROWS, 2)[:, 0] for judge in self._judges]
        return torch.stack(logits, dim=1)


def trace(networks: Sequence[TurnClassifier]) -> ModelProto:
    """Return the graph of networks that share an encoder, in fp32."""
    for network in networks:
        cast("PreTrainedModel", network.encoder).set_attn_implementation(SIMPLEST_ATTENTION)
    return trace_text_network(MergedNetwork(networks).eval(), (len(networks), LABELS))


def _read_record(folder: Path) -> _Record:
    path = folder / RECORD_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Record)
    except FileNotFoundError:
        return _Record()
    except msgspec.DecodeError as error:
        raise MissingDataError(f"{path} is not a record of a training: {error}") from error


def _read_tokenizer(folder: Path) -> Tokenizer:
    tokenizer = load_tokenizer(folder / TOKENIZER_NAME)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer

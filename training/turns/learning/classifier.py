"""The network that says whether an utterance is complete, and its folder on disk."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from training.core.errors import MissingDataError
from training.text.encoder_base import WEIGHTS_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

LABELS = {0: "incomplete", 1: "complete"}
HEADS_FOLDER = "heads"  # of a base that was trained before: a file for each variant
GENERAL = "general"
HEAD_DROPOUT = 0.1
_HEAD = ("layer_norm.", "classifier.")


class TurnClassifier(PreTrainedModel):  # type: ignore[no-untyped-call]
    """An encoder, and on its pooled output: LayerNorm, dropout, a linear layer to two logits.

    MobileBERT, whose pooled outputs reach the millions, learns only with the LayerNorm. The
    encoder is an attribute of its own name (``mobilebert``, ``bert`` ..).

    Args:
        config: Of the encoder; two labels are assumed.
    """

    _supports_sdpa = True  # an encoder without it refuses it itself
    _supports_attention_backend = True

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        encoder = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
        self.base_model_prefix = encoder.base_model_prefix
        setattr(self, self.base_model_prefix, encoder)
        self.layer_norm = nn.LayerNorm(config.hidden_size)
        self.dropout = nn.Dropout(getattr(config, "head_dropout", HEAD_DROPOUT))
        self.classifier = nn.Linear(config.hidden_size, len(LABELS))
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def encoder(self) -> nn.Module:
        """Return the network below the head."""
        return getattr(self, self.base_model_prefix)  # type: ignore[no-any-return]

    def first_states(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the last hidden state of the first token, shape (batch, hidden).

        The head sees nothing else of a text.
        """
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        states: torch.Tensor = output.last_hidden_state
        return states[:, 0]

    def judge(self, first_states: torch.Tensor) -> torch.Tensor:
        """Return the logits that the head gives, shape (batch, 2)."""
        pooler = getattr(self.encoder, "pooler", None)
        pooled = first_states if pooler is None else pooler(first_states.unsqueeze(1))
        logits: torch.Tensor = self.classifier(self.dropout(self.layer_norm(pooled)))
        return logits

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Return the logits, and the cross-entropy where ``labels`` are given."""
        assert input_ids is not None
        logits = self.judge(self.first_states(input_ids, attention_mask))
        loss = None if labels is None else functional.cross_entropy(logits, labels.view(-1))
        return SequenceClassifierOutput(loss=loss, logits=logits)  # type: ignore[arg-type]

    def head_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters outside the frozen encoder: pooler, LayerNorm, classifier."""
        heads = (*_HEAD, f"{self.base_model_prefix}.pooler.")
        return [(name, p) for name, p in self.named_parameters() if name.startswith(heads)]


def new_classifier(base: Path, *, dropout: float = HEAD_DROPOUT) -> TurnClassifier:
    """Return an untrained head on the encoder of a folder; the head follows torch's seed."""
    config = AutoConfig.from_pretrained(base)
    config.num_labels, config.id2label = len(LABELS), LABELS
    config.label2id = {name: label for label, name in LABELS.items()}
    config.architectures = [TurnClassifier.__name__]
    config.head_dropout = dropout
    model = TurnClassifier(config)
    model.encoder.load_state_dict(load_file(base / WEIGHTS_NAME))
    return model


def head_path(base: Path, name: str) -> Path | None:
    """Return the file of the head that a model of this name starts from; None where there is none.

    That is the head of its name, or else ``general``, or else the first.
    """
    found = {path.stem: path for path in sorted((base / HEADS_FOLDER).glob("*.safetensors"))}
    return found.get(name) or found.get(GENERAL) or next(iter(found.values()), None)


def write_heads(networks: Mapping[str, TurnClassifier], base: Path) -> None:
    """Replace the heads beside a base by those of some networks, by variant."""
    folder = base / HEADS_FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    if networks:
        folder.mkdir(parents=True)
    for variant, network in networks.items():
        head = {name: p.detach().contiguous() for name, p in network.head_parameters()}
        save_file(head, folder / f"{variant}.safetensors", metadata={"format": "pt"})


def starting_classifier(base: Path, name: str, *, dropout: float = HEAD_DROPOUT) -> TurnClassifier:
    """Return the network that a model of this name starts from: with the base's head if it has one.

    Args:
        base: Folder of the encoder.
        name: Of the model.
        dropout: Before the last layer.
    """
    network = new_classifier(base, dropout=dropout)
    head = head_path(base, name)
    if head is not None:
        network.load_state_dict({**network.state_dict(), **load_file(head)})
    return network


def load_classifier(folder: Path) -> tuple[TurnClassifier, PreTrainedTokenizerBase]:
    """Return a trained model, ready to judge, and its tokenizer.

    Raises:
        MissingDataError: The folder holds no trained model.
    """
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        message = f"{path} is not there: `callstream train turns` writes it"
        raise MissingDataError(message)
    model = TurnClassifier(AutoConfig.from_pretrained(folder))
    try:
        model.load_state_dict(load_file(path))
    except RuntimeError as error:
        message = f"{folder} holds no model of the turn detection: {error}"
        raise MissingDataError(message) from error
    model.train(False)
    return model, load_tokenizer(folder)


def save_classifier(
    model: TurnClassifier, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> None:
    """Write ``config.json``, ``model.safetensors`` and the tokenizer's files."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_NAME, metadata={"format": "pt"})


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return a folder's tokenizer, which keeps the tail of a long text."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, truncation_side="left"
    )
    return tokenizer

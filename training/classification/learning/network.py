"""The network that labels calls: an encoder, a shared layer, and a linear head for each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from models.classification.decoding import TaskColumns
from training.classification.learning.losses import combined_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedConfig

    from models.classification.label_set import LabelSet
    from training.classification.learning.recipe import HeadRecipe

TASKS = "tasks"  # attribute of the configuration: one dictionary a task
PRE_CLASSIFIER, HEADS = "pre_classifier.", "heads."
HEAD_SETTINGS = frozenset({TASKS, "pooling", "head_dropout"})


class MultiTaskClassifier(PreTrainedModel):  # type: ignore[no-untyped-call]
    """An encoder, and on its text vector: a linear layer with ReLU, dropout, one head a task.

    The text vector is the last state of the first token or the mean over the tokens, by the
    configuration's ``pooling``. The encoder is an attribute of its own name (``distilbert``,
    ``bert`` ..).

    Args:
        config: Of the encoder, with ``tasks`` (`task_settings`), ``pooling`` and
            ``head_dropout``.

    Attributes:
        tasks: The columns of each task among the logits.
    """

    _supports_sdpa = True  # an encoder without it refuses it itself
    _supports_attention_backend = True

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        encoder = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
        self.base_model_prefix = encoder.base_model_prefix
        setattr(self, self.base_model_prefix, encoder)
        self.tasks = task_columns(config.tasks)
        self.pre_classifier = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(config.head_dropout)
        self.heads = nn.ModuleList(
            nn.Linear(config.hidden_size, task.stop - task.start) for task in self.tasks
        )
        self.class_weights: torch.Tensor | None = None
        self.label_smoothing = 0.0
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def encoder(self) -> nn.Module:
        """Return the network below the shared layer."""
        return getattr(self, self.base_model_prefix)  # type: ignore[no-any-return]

    def pooled(self, states: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the text vectors, shape (batch, hidden).

        Args:
            states: Last states of the encoder, shape (batch, tokens, hidden).
            attention_mask: 1 for tokens, 0 for padding, shape (batch, tokens).
        """
        if self.config.pooling == "first":
            return states[:, 0]
        mask = attention_mask.to(states.dtype)
        weights = mask / mask.sum(dim=1, keepdim=True)
        # A product: ONNX Runtime sums over tokens in another order for one text than for several
        return torch.bmm(weights.unsqueeze(1), states).squeeze(1)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Return the logits, and the combined loss where ``labels`` are given.

        Args:
            input_ids: Shape (batch, tokens).
            attention_mask: Likewise.
            labels: 1 where a label holds, 0 where not, -1 throughout a task that the row has no
                label for; shape (batch, labels).
        """
        assert input_ids is not None
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        output = self.encoder(input_ids=input_ids, attention_mask=mask)
        vector = self.pooled(output.last_hidden_state, mask)
        shared = self.dropout(torch.relu(self.pre_classifier(vector)))
        logits = torch.cat([head(shared) for head in self.heads], dim=1)
        loss = None
        if labels is not None:
            loss = combined_loss(
                logits.float(),
                labels,
                self.tasks,
                weights=self.class_weights,
                smoothing=self.label_smoothing,
            )
        return SequenceClassifierOutput(loss=loss, logits=logits)  # type: ignore[arg-type]


def task_settings(label_set: LabelSet) -> list[dict[str, Any]]:
    """Return the tasks of a label set as a configuration keeps them."""
    return [
        {"name": task.name, "mode": task.mode, "labels": list(task.names)}
        for task in label_set.tasks
    ]


def task_columns(settings: Sequence[Mapping[str, Any]]) -> tuple[TaskColumns, ...]:
    """Return where the labels of each task stand among the logits."""
    columns, start = [], 0
    for task in settings:
        stop = start + len(task["labels"])
        columns.append(TaskColumns(task["name"], task["mode"], start, stop))
        start = stop
    return tuple(columns)


def new_network(
    encoder: PreTrainedModel, label_set: LabelSet, head: HeadRecipe, seed: int
) -> MultiTaskClassifier:
    """Return untrained heads for a label set on an encoder.

    Args:
        encoder: Its weights are copied.
        label_set: Its tasks decide the heads.
        head: How the text vector is made, and dropout.
        seed: Of the heads.
    """
    config = type(encoder.config).from_dict(encoder.config.to_dict())
    config.tasks, config.pooling = task_settings(label_set), head.pooling
    config.head_dropout = head.dropout
    config.architectures = [MultiTaskClassifier.__name__]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MultiTaskClassifier(config)
    network.encoder.load_state_dict(encoder.state_dict())
    return network

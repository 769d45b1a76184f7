"""The graph of a trained classification model."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from training.text.tracing import SIMPLEST_ATTENTION, trace_text_network

if TYPE_CHECKING:
    from onnx import ModelProto
    from transformers import PreTrainedModel

    from training.classification.learning.network import MultiTaskClassifier

ROWS = 2  # of a text that its head sees: products of one row are computed in another order


class OneHeadNetwork(nn.Module):
    """A network whose heads are one matrix, and so one product.

    Args:
        network: In evaluation mode.
    """

    def __init__(self, network: MultiTaskClassifier) -> None:
        super().__init__()
        self.encoder = network.encoder
        self.pre_classifier = network.pre_classifier
        heads = [cast("nn.Linear", head) for head in network.heads]
        self.head = nn.Linear(heads[0].in_features, sum(each.out_features for each in heads))
        with torch.no_grad():
            self.head.weight.copy_(torch.cat([each.weight for each in heads]))
            self.head.bias.copy_(torch.cat([each.bias for each in heads]))
        self._pooled = network.pooled

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the logits of all tasks side by side, shape (texts, labels)."""
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        vector = self._pooled(output.last_hidden_state, attention_mask)
        rows = vector.unsqueeze(1).expand(-1, ROWS, -1).reshape(-1, vector.shape[-1])
        logits: torch.Tensor = self.head(torch.relu(self.pre_classifier(rows)))
        return logits.reshape(-1, ROWS, logits.shape[-1])[:, 0]


def trace(network: MultiTaskClassifier) -> ModelProto:
    """Return the graph of a network, in fp32."""
    cast("PreTrainedModel", network.encoder).set_attn_implementation(SIMPLEST_ATTENTION)
    merged = OneHeadNetwork(network).eval()
    return trace_text_network(merged, (merged.head.out_features,))

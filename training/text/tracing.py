"""Networks that read texts as ONNX graphs, and what a manifest says of their encoder."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import onnx
import torch

from models.text.encoder import EncoderSetting, SpecialTokens
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection

    from onnx import ModelProto
    from tokenizers import Tokenizer
    from torch import nn
    from transformers import PreTrainedConfig

OPSET = 17
SIMPLEST_ATTENTION = "eager"  # it gives the simplest graph
TRACED_TOKENS = 16  # of the texts that the graph is traced with; it accepts any number
_NOT_OF_THE_ENCODER = {"_name_or_path", "transformers_version", "dtype"}


def trace_text_network(network: nn.Module, shape: tuple[int, ...]) -> ModelProto:
    """Return the graph of a network in fp32, for any number of texts and tokens.

    Args:
        network: In evaluation mode; takes ``input_ids`` and ``attention_mask``, gives ``logits``.
        shape: Of one text's logits.
    """
    ids = torch.ones((2, TRACED_TOKENS), dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, TRACED_TOKENS // 2 :] = 0
    axes = {0: "texts", 1: "tokens"}
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about values that it takes for constants
        torch.onnx.export(
            network,
            (ids, mask),
            written,  # type: ignore[arg-type]  # this exporter also takes a file
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "texts"}},
        )
    graph = onnx.load_from_string(written.getvalue())
    sizes = graph.graph.output[0].type.tensor_type.shape.dim
    for size, value in zip(list(sizes)[1:], shape, strict=True):
        size.dim_value = value
    return graph


def encoder_settings(
    config: PreTrainedConfig, *, without: Collection[str] = ()
) -> dict[str, EncoderSetting]:
    """Return what a configuration says of the encoder, beyond the library's own defaults.

    Args:
        config: Of a network.
        without: Settings of its head.
    """
    said = {"model_type": config.model_type, **config.to_diff_dict()}
    omitted = _NOT_OF_THE_ENCODER | {*without}
    return {
        name: value
        for name, value in said.items()
        if value is None or (isinstance(value, EncoderSetting) and name not in omitted)
    }


def special_tokens(tokenizer: Tokenizer, padding: int) -> SpecialTokens:
    """Return the special tokens that a tokenizer puts around a text.

    Args:
        tokenizer: Of a model.
        padding: Id of the token that fills shorter texts.

    Raises:
        ConfigurationError: It puts more than one token before or after a text.
    """
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    dressed = tokenizer.encode("a").ids
    before = next(n for n in range(len(dressed)) if dressed[n : n + len(bare)] == bare)
    first, last = dressed[:before], dressed[before + len(bare) :]
    if max(len(first), len(last)) > 1:
        raise ConfigurationError("the tokenizer puts more than one token before or after a text")
    return SpecialTokens(
        first=first[0] if first else -1, last=last[0] if last else -1, padding=padding
    )

"""An encoder of three letters, and a graph that reads what it makes."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from models.text.encoder import EncoderConfig, SpecialTokens, TextEncoder

PAD, UNKNOWN, FIRST, LAST, A, B, C = range(7)
UNKNOWN_PIECE = "[UNK]"
PIECES = {
    "[PAD]": PAD,
    UNKNOWN_PIECE: UNKNOWN,
    "[CLS]": FIRST,
    "[SEP]": LAST,
    "a": A,
    "b": B,
    "c": C,
}
STEPS = 64  # to one: sums of such numbers are exact in any order


def tiny_encoder(**options: Any) -> TextEncoder:
    """Return an encoder; options are fields of its config."""
    tokenizer = Tokenizer(WordLevel(PIECES, UNKNOWN_PIECE))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    special = SpecialTokens(first=FIRST, last=LAST, padding=PAD)
    settings = {"special_tokens": special, "max_tokens": 128, **options}
    return TextEncoder(tokenizer, EncoderConfig(**settings))


def gather(
    *, pieces: int = len(PIECES), width: int = 2, source: str = "input_ids", output: str = "logits"
) -> ModelProto:
    """Return a graph that gives the sum of a row of random numbers for each token."""
    numbers = np.random.default_rng(0).normal(size=(pieces, width))
    numbers = np.round(numbers * STEPS).astype(np.float32) / STEPS
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in (source, "attention_mask")
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", source], ["rows"]),
            helper.make_node("ReduceSum", ["rows", "axis"], [output], keepdims=0),
        ],
        "gather",
        inputs,
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", width])],
        [
            numpy_helper.from_array(numbers.astype(np.float32), "table"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def save(model: ModelProto, path: Path) -> Path:
    """Write a graph; return its path."""
    path.write_bytes(model.SerializeToString())
    return path

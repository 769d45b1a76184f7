"""The vocabulary of all tiny end-of-turn models, and one of a few kilobytes that adds up numbers.

Any text has a probability that looks random. Nothing here needs torch: workers and agents are
tested with it. What is trained and exported is in `tiny_trained_turns`.
"""

import hashlib
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from models.text.encoder import SpecialTokens
from models.turns.manifest import FORMAT, TurnManifest

UNKNOWN = "[UNK]"
SPECIAL = ("[PAD]", UNKNOWN, "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    *("i", "my", "is", "the", "number", "phone", "seven", "oh"),
    *("thank", "you", "that", "all", "yes", "no", "please", "need", "um"),
    *("this", "today", "tomorrow", "on", "monday", "next", "week", "in", "morning", "at", "noon"),
)
CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
PIECES = (*SPECIAL, *WORDS, *CHARACTERS, *(f"##{character}" for character in CHARACTERS))
SPREAD = 0.5  # of a token, so that many texts pass a threshold and many do not
STEP = 1 / 64  # sums of such numbers are exact, so their order, and with it the batch, is no matter


def tiny_tokenizer() -> Tokenizer:
    """Return a tokenizer of characters and of some words."""
    ids = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return tokenizer


def write_turn_model(
    folder: Path,
    *,
    seed: int = 1,
    variants: Sequence[str] = ("general", "agent", "customer"),
    languages: Sequence[str] = ("en",),
) -> Path:
    """Return the manifest of a model; another seed gives other probabilities.

    The files are replaced as a careful operator replaces them: the manifest last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graph = _graph(len(PIECES), len(variants), seed).SerializeToString()
    tokenizer = tiny_tokenizer().to_str().encode()
    manifest = TurnManifest(
        name="tiny-turns",
        format=FORMAT,
        file="tiny.onnx",
        sha256=hashlib.sha256(graph).hexdigest(),
        other_files={"tokenizer.json": hashlib.sha256(tokenizer).hexdigest()},
        tokenizer_file="tokenizer.json",
        special_tokens=SpecialTokens(first=2, last=3, padding=0),
        variants=tuple(variants),
        languages=tuple(languages),
    )
    path = folder / "tiny.json"
    for file, content in (
        (folder / "tiny.onnx", graph),
        (folder / "tokenizer.json", tokenizer),
        (path, msgspec.json.encode(manifest)),
    ):
        file.with_suffix(".new").write_bytes(content)
        file.with_suffix(".new").replace(file)
    return path


def _graph(tokens: int, variants: int, seed: int) -> onnx.ModelProto:
    """Return a graph that adds up a row of a table for each token."""
    table = np.random.default_rng(seed).normal(0, SPREAD, (tokens, variants * 2))
    return table_graph((np.round(table / STEP) * STEP).astype(np.float32), (variants, 2))


def table_graph(
    table: np.ndarray[Any, np.dtype[np.float32]], shape: Sequence[int]
) -> onnx.ModelProto:
    """Return a graph whose logits are the sums of a table's rows over the tokens of a text.

    Args:
        table: Shape (tokens, logits).
        shape: Of the logits of a text.
    """
    constants: dict[str, np.ndarray[tuple[int, ...], np.dtype[Any]]] = {
        "table": table,
        "last_axis": np.array([-1], np.int64),
        "token_axis": np.array([1], np.int64),
        "shape": np.array([0, *shape], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last_axis"], ["weights"]),
        helper.make_node("Mul", ["rows", "weights"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "token_axis"], ["sums"], keepdims=0),
        helper.make_node("Reshape", ["sums", "shape"], ["logits"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", *shape])
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        [output],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)

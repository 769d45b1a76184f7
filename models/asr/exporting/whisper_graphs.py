"""Whisper as two ONNX graphs: audio to cross-attention keys and values; tokens to the next ones.

Weights come under openai-whisper's names. The graphs take any length of audio and of text, keep
the decoder's cache layer by layer, and do what a step needs themselves: rules of writing,
log-softmax, the best tokens.
Source: Radford et al. 2022, arXiv:2212.04356, section 2.2; openai-whisper ``model.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx

from models.asr.checkpoints.onnx_store import EMBEDDING_FACTORS
from models.asr.core.dimensions import KERNEL
from models.asr.core.positions import inverse_timescales, sinusoids
from models.asr.exporting.balance import balance_decoder
from models.onnx_graph import GraphBuilder, stacked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from onnx import ModelProto

    from models.asr.core.dimensions import WhisperDimensions
    from models.asr.core.network import WritingRules
    from models.onnx_graph import Precision
    from models.row_codes import CodedRange

    Tensors = Mapping[str, npt.NDArray[Any]]

INT64 = onnx.TensorProto.INT64


class OutputLayer(NamedTuple):
    """How a decoder's tokens are held and scored.

    Attributes:
        rules: Added to the logits.
        coded: Rows of the embedding that int8 holds in fewer bits.
    """

    rules: WritingRules
    coded: Sequence[CodedRange] = ()


def encoder_model(tensors: Tensors, dims: WhisperDimensions, precision: Precision) -> ModelProto:
    """Return the graph from a spectrogram to every decoder layer's keys and values.

    Input ``mel`` (n_frames, n_mels), n_frames even; outputs ``cross_key.i`` and ``cross_value.i``
    (1, heads, n_frames / 2, d).
    """
    graph = GraphBuilder(precision)
    x = graph.input("mel", ("frames", dims.n_mels))
    x = _convolve(graph, x, tensors, "encoder.conv1", stride=1)
    x = _convolve(graph, x, tensors, "encoder.conv2", stride=2)
    x = _add_positions(graph, x, tensors["encoder.positional_embedding"])
    x = graph.node("Unsqueeze", x, graph.ints(0))
    for layer in range(dims.n_audio_layer):
        x = _encode_block(graph, x, tensors, f"encoder.blocks.{layer}", dims.n_audio_head)
    x = _norm(graph, x, tensors, "encoder.ln_post")
    _project_audio(graph, x, tensors, dims)
    return graph.model("encoder")


def decoder_model(
    tensors: Tensors,
    dims: WhisperDimensions,
    precision: Precision,
    *,
    output: OutputLayer,
    aligned_layers: Sequence[int],
) -> ModelProto:
    """Return the graph of one pass of the decoder over a batch of utterances.

    Inputs: ``tokens`` and ``positions`` (batch, n); ``mask`` (batch, 1, n, past + n), added to the
    scores; ``past_key.i``, ``past_value.i`` (batch, heads, past, d); ``cross_key.i``,
    ``cross_value.i`` (audio, heads, frames, d) and ``cross_mask`` (audio or 1, 1, 1, frames), where
    audio is batch, or 1 if all hear the same; ``scored`` (m,): which of the batch * n outputs to
    score; ``rules`` (m,): the row of the rules of writing for each; ``count`` (1,).

    Outputs: ``best`` (m, count) and their ``best_log_probabilities``; ``log_probabilities``
    (m, tokens); ``present_key.i``, ``present_value.i``; ``query.i`` (batch, heads, n, d) of aligned
    layers.

    Args:
        tensors: Weights; the embedding holds only the tokens that can be written.
        dims: Sizes.
        precision: Of the products with weights.
        output: How tokens are held and scored.
        aligned_layers: Layers whose cross-attention places words in time.
    """
    graph = GraphBuilder(precision)
    factors = None
    if precision == "int8":
        tensors, factors = balance_decoder(tensors, dims)
    x = _embed(graph, tensors, factors, output.coded)
    mask = graph.input("mask", ("mask_batch", 1, "n", "total"))
    cross_mask = graph.input("cross_mask", ("cross_mask_audio", 1, 1, "frames"))
    for layer in range(dims.n_text_layer):
        prefix = f"decoder.blocks.{layer}"
        x = _attend_past(graph, x, tensors, prefix, (layer, dims.n_text_head, mask))
        is_aligned = layer in aligned_layers
        heads = dims.n_text_head
        x = _attend_audio(graph, x, tensors, prefix, (layer, heads, cross_mask, is_aligned))
        x = _mlp(graph, x, tensors, prefix)
    _score(graph, x, tensors, output.rules)
    return graph.model("decoder")


def _norm(graph: GraphBuilder, x: str, tensors: Tensors, name: str) -> str:
    return graph.norm(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _linear(graph: GraphBuilder, x: str, tensors: Tensors, name: str) -> str:
    return graph.linear(x, tensors[f"{name}.weight"], tensors.get(f"{name}.bias"))


def _convolve(graph: GraphBuilder, x: str, tensors: Tensors, name: str, *, stride: int) -> str:
    """Return gelu(convolution) over time as one product: the taps stand side by side."""
    weight = tensors[f"{name}.weight"]
    edge = graph.constant(np.zeros((1, weight.shape[1]), np.float32))
    padded = graph.node("Concat", edge, x, edge, axis=0)
    last = np.iinfo(np.int64).max
    ends = (-2, -1, last)
    taps = [
        graph.slice(padded, tap, end, axis=0, step=stride)
        for tap, end in zip(range(KERNEL), ends, strict=True)
    ]
    beside = graph.node("Concat", *taps, axis=1)
    matrix = weight.transpose(0, 2, 1).reshape(weight.shape[0], -1)
    return graph.node("Gelu", graph.linear(beside, matrix, tensors[f"{name}.bias"]))


def _add_positions(graph: GraphBuilder, x: str, positions: npt.NDArray[Any]) -> str:
    """Return x with the position of each frame.

    Sinusoids are a formula in the graph, which ONNX Runtime evaluates when it loads it: the file
    is smaller by the table.
    """
    length = graph.node("Shape", x, end=1)
    if np.allclose(positions, sinusoids(*positions.shape), atol=1e-3):
        table = _sinusoids(graph, *positions.shape)
    else:
        table = graph.constant(positions)
    return graph.add(x, graph.node("Slice", table, graph.ints(0), length, graph.ints(0)))


def _sinusoids(graph: GraphBuilder, length: int, width: int) -> str:
    frames = graph.constant(np.arange(length, dtype=np.float32)[:, None])
    angles = graph.node("Mul", frames, graph.constant(inverse_timescales(width)[None]))
    return graph.node("Concat", graph.node("Sin", angles), graph.node("Cos", angles), axis=1)


def _query_key_value(
    tensors: Tensors, prefix: str, heads: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return weight and bias of one product for all three; the query comes scaled."""
    scale = (tensors[f"{prefix}.query.weight"].shape[0] // heads) ** -0.5
    query, query_bias = (tensors[f"{prefix}.query.{part}"] for part in ("weight", "bias"))
    key, value = tensors[f"{prefix}.key.weight"], tensors[f"{prefix}.value.weight"]
    no_bias = np.zeros_like(query_bias)
    return (
        stacked([query * np.float32(scale), key, value]),
        stacked([query_bias * np.float32(scale), no_bias, tensors[f"{prefix}.value.bias"]]),
    )


def _split_parts(graph: GraphBuilder, x: str, heads: int) -> list[str]:
    return [
        graph.split_heads(part, heads)
        for part in graph.nodes_of("Split", 3, x, axis=-1, num_outputs=3)
    ]


def _encode_block(graph: GraphBuilder, x: str, tensors: Tensors, prefix: str, heads: int) -> str:
    width = tensors[f"{prefix}.attn.out.bias"].shape[0]
    normed = _norm(graph, x, tensors, f"{prefix}.attn_ln")
    projected = graph.linear(normed, *_query_key_value(tensors, f"{prefix}.attn", heads))
    query, key, value = _split_parts(graph, projected, heads)
    mixed = graph.join_heads(graph.attend(query, key, value), width)
    x = graph.add(x, _linear(graph, mixed, tensors, f"{prefix}.attn.out"))
    return _mlp(graph, x, tensors, prefix)


def _mlp(graph: GraphBuilder, x: str, tensors: Tensors, prefix: str) -> str:
    hidden = _linear(
        graph, _norm(graph, x, tensors, f"{prefix}.mlp_ln"), tensors, f"{prefix}.mlp.0"
    )
    return graph.add(x, _linear(graph, graph.node("Gelu", hidden), tensors, f"{prefix}.mlp.2"))


def _project_audio(graph: GraphBuilder, x: str, tensors: Tensors, dims: WhisperDimensions) -> None:
    """Return keys and values of all decoder layers from one product."""
    weights, biases = [], []
    for layer in range(dims.n_text_layer):
        prefix = f"decoder.blocks.{layer}.cross_attn"
        weights += [tensors[f"{prefix}.key.weight"], tensors[f"{prefix}.value.weight"]]
        bias = tensors[f"{prefix}.value.bias"]
        biases += [np.zeros_like(bias), bias]
    parts = 2 * dims.n_text_layer
    projected = graph.linear(x, stacked(weights), stacked(biases))
    split = graph.nodes_of("Split", parts, projected, axis=-1, num_outputs=parts)
    shape = (1, dims.n_text_head, "positions", dims.n_text_state // dims.n_text_head)
    for number, part in enumerate(split):
        name = f"cross_{'value' if number % 2 else 'key'}.{number // 2}"
        graph.output(graph.split_heads(part, dims.n_text_head), name, shape)


def _embed(
    graph: GraphBuilder,
    tensors: Tensors,
    factors: npt.NDArray[Any] | None,
    coded: Sequence[CodedRange],
) -> str:
    tokens = graph.input("tokens", ("batch", "n"), INT64)
    positions = graph.input("positions", ("batch", "n"), INT64)
    embedding = graph.embed(tensors["decoder.token_embedding.weight"], tokens, coded)
    if factors is not None:
        embedding = graph.node("Mul", embedding, graph.constant(factors, EMBEDDING_FACTORS))
    return graph.add(embedding, graph.rows_of(tensors["decoder.positional_embedding"], positions))


def _attend_past(
    graph: GraphBuilder, x: str, tensors: Tensors, prefix: str, block: tuple[int, int, str]
) -> str:
    layer, heads, mask = block
    width = tensors[f"{prefix}.attn.out.bias"].shape[0]
    normed = _norm(graph, x, tensors, f"{prefix}.attn_ln")
    projected = graph.linear(normed, *_query_key_value(tensors, f"{prefix}.attn", heads))
    query, key, value = _split_parts(graph, projected, heads)
    shape = ("batch", heads, "past", width // heads)
    past_key = graph.input(f"past_key.{layer}", shape)
    past_value = graph.input(f"past_value.{layer}", shape)
    key = graph.node("Concat", past_key, key, axis=2)
    value = graph.node("Concat", past_value, value, axis=2)
    present = ("batch", heads, "total", width // heads)
    key = graph.output(key, f"present_key.{layer}", present)
    value = graph.output(value, f"present_value.{layer}", present)
    mixed = graph.join_heads(graph.attend(query, key, value, mask), width)
    return graph.add(x, _linear(graph, mixed, tensors, f"{prefix}.attn.out"))


def _attend_audio(
    graph: GraphBuilder, x: str, tensors: Tensors, prefix: str, block: tuple[int, int, str, bool]
) -> str:
    """Return x with what it takes from the audio.

    Queries of one audio stand side by side, so that several hypotheses of an utterance read its
    keys and values once.
    """
    layer, heads, mask, is_aligned = block
    name = f"{prefix}.cross_attn"
    width = tensors[f"{name}.out.bias"].shape[0]
    scale = np.float32((width // heads) ** -0.5)
    normed = _norm(graph, x, tensors, f"{name}_ln")
    weight, bias = tensors[f"{name}.query.weight"], tensors[f"{name}.query.bias"]
    query = graph.linear(normed, weight * scale, bias * scale)
    if is_aligned:
        shape = ("batch", heads, "n", width // heads)
        graph.output(graph.split_heads(query, heads), f"query.{layer}", shape)
    shape = ("audio", heads, "frames", width // heads)
    key = graph.input(f"cross_key.{layer}", shape)
    value = graph.input(f"cross_value.{layer}", shape)
    audio = graph.node("Shape", key, end=1)
    beside = graph.node("Concat", audio, graph.ints(-1, width), axis=0)
    queries = graph.split_heads(graph.node("Reshape", query, beside), heads)
    mixed = graph.join_heads(graph.attend(queries, key, value, mask), width)
    mixed = graph.node("Reshape", mixed, graph.node("Shape", normed))
    return graph.add(x, _linear(graph, mixed, tensors, f"{name}.out"))


def _score(graph: GraphBuilder, x: str, tensors: Tensors, rules: WritingRules) -> None:
    embedding = tensors["decoder.token_embedding.weight"]
    flat = graph.reshape(x, -1, embedding.shape[1])
    chosen = graph.node("Gather", flat, graph.input("scored", ("m",), INT64), axis=0)
    logits = graph.linear(_norm(graph, chosen, tensors, "decoder.ln"), embedding, None)
    rows = graph.input("rules", ("m",), INT64)
    added = graph.node("Gather", graph.constant(rules.added), rows, axis=0)
    ruled = graph.node("Expand", graph.constant(rules.tokens[None]), graph.node("Shape", added))
    allowed = graph.node("ScatterElements", logits, ruled, added, axis=1, reduction="add")
    log_probabilities = graph.node("LogSoftmax", allowed, axis=-1)
    shape = ("m", embedding.shape[0])
    log_probabilities = graph.output(log_probabilities, "log_probabilities", shape)
    count = graph.input("count", (1,), INT64)
    values, best = graph.nodes_of("TopK", 2, log_probabilities, count, axis=-1)
    graph.output(best, "best", ("m", "count"), INT64)
    graph.output(values, "best_log_probabilities", ("m", "count"))

"""The MLX back-end, for Apple's chips: a checkpoint's tensors run layer by layer.

MLX also runs on CPUs of other makers, which is where it can be tested without a Mac.
Source: openai-whisper ``model.py``; Radford et al. 2022, arXiv:2212.04356.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.core.network import Scores, writing_rules
from models.asr.decoding.whisper_engine import WhisperEngine
from models.extras.mlx import core as mx
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.asr.backends.settings import BackendSettings
    from models.asr.checkpoints.checkpoint import WhisperCheckpoint
    from models.asr.checkpoints.weights import SpeechWeights
    from models.asr.core.network import IntArray, Pass
    from models.audio.samples import FloatArray

Array = Any  # MLX's type stubs differ from one platform to the next
AudioKeys = list[tuple[Array, Array]]

DTYPES = {"fp32": mx.float32, "fp16": mx.float16, "bf16": mx.bfloat16}
DEVICES = {"cpu": mx.cpu, "gpu": mx.gpu}
NORM_EPSILON = 1e-5


class MlxNetwork:
    """A checkpoint on MLX.

    MLX evaluates late and on the stream of the calling thread: every method names the device and
    leaves nothing unevaluated, so that any thread may call the next one.

    Args:
        checkpoint: Weights.
        device: ``cpu`` or ``gpu``.
        precision: ``fp32``, ``fp16`` or ``bf16``; layer norms and softmaxes stay fp32.

    Raises:
        ConfigurationError: No such device here.
    """

    def __init__(
        self, checkpoint: WhisperCheckpoint, *, device: str = "cpu", precision: str = "fp32"
    ) -> None:
        if device not in DEVICES or not mx.is_available(DEVICES[device]):
            available = [name for name, kind in DEVICES.items() if mx.is_available(kind)]
            raise ConfigurationError(f"MLX has no device {device!r}: use {' or '.join(available)}")
        self.dims = checkpoint.dims
        self.tokens = checkpoint.tokens
        self._heads = checkpoint.alignment_heads
        self._device = DEVICES[device]
        with mx.stream(self._device):
            self._layers = _Layers(checkpoint, DTYPES[precision])
            ruled, added = writing_rules(self.tokens)
            self._rules = (mx.array(ruled), mx.array(added))
            mx.eval(self._rules)

    def encode(self, mel: FloatArray) -> AudioKeys:
        """Return every layer's keys and values; see `network.SpeechNetwork`."""
        layers, dims = self._layers, self.dims
        with mx.stream(self._device):
            x = mx.array(np.ascontiguousarray(mel))[None].astype(layers.dtype)
            x = _gelu(layers.convolved("encoder.conv1", x, stride=1))
            x = _gelu(layers.convolved("encoder.conv2", x, stride=2))
            x = x + layers["encoder.positional_embedding"][: x.shape[1]]
            for number in range(dims.n_audio_layer):
                block = f"encoder.blocks.{number}"
                normed = layers.normed(f"{block}.attn_ln", x)
                query, key, value = (
                    _split(layers.linear(f"{block}.attn.{part}", normed), dims.n_audio_head)
                    for part in ("query", "key", "value")
                )
                x = x + layers.linear(f"{block}.attn.out", _attended(query, key, value))
                x = x + layers.mlp(block, x)
            features = layers.normed("encoder.ln_post", x)
            audio = [
                (
                    _split(layers.linear(f"{attention}.key", features), dims.n_text_head),
                    _split(layers.linear(f"{attention}.value", features), dims.n_text_head),
                )
                for attention in (
                    f"decoder.blocks.{number}.cross_attn" for number in range(dims.n_text_layer)
                )
            ]
            mx.eval(audio)
        return audio

    def decoder(
        self, audio: Sequence[AudioKeys], *, wants_attention: bool = True
    ) -> MlxDecoderBatch:
        """Return a batch that begins; see `network.SpeechNetwork`."""
        heads = self._heads if wants_attention else ()
        return MlxDecoderBatch(self._layers, self._rules, heads, audio, device=self._device)


class MlxDecoderBatch:
    """Utterances being decoded together on MLX; see `network.DecoderBatch`."""

    def __init__(
        self,
        layers: _Layers,
        rules: tuple[Array, Array],
        heads: tuple[tuple[int, int], ...],
        audio: Sequence[AudioKeys],
        *,
        device: Any,
    ) -> None:
        self._layers = layers
        self._ruled, self._rules = rules
        self._heads = heads
        self._device = device
        self._queries: dict[int, list[Array]] = {layer: [] for layer, _ in heads}
        self._past: list[tuple[Array, Array]] = []
        self._audio = list(audio)
        self._stack_audio()

    def advance(self, step: Pass) -> Scores:
        """Give every utterance its next tokens."""
        layers = self._layers
        embedding = layers["decoder.token_embedding.weight"]
        with mx.stream(self._device):
            x = embedding[mx.array(step.tokens)]
            x = x + layers["decoder.positional_embedding"][mx.array(step.positions)]
            mask = mx.array(step.mask).astype(layers.dtype) if step.mask.any() else None
            past, self._past = self._past, []
            for number in range(layers.decoder_layers):
                x = x + self._attend(number, x, past[number] if past else None, mask)
                x = x + self._attend_audio(number, x)
                x = x + layers.mlp(f"decoder.blocks.{number}", x)
            scored = x.reshape(-1, x.shape[-1])[mx.array(step.scored)]
            logits = (layers.normed("decoder.ln", scored) @ embedding.T).astype(mx.float32)
            logits = logits.at[:, self._ruled].add(self._rules[mx.array(step.rules)])
            log_probabilities = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
            best, best_values = _highest(log_probabilities, step.count)
            mx.eval(best, best_values, log_probabilities, self._past, self._queries)
        return Scores(
            np.array(best).astype(np.int64),
            np.array(best_values),
            np.array(log_probabilities) if step.wants_all else None,
        )

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these utterances alone; see `network.DecoderBatch`."""
        self._audio = [self._audio[row] for row in rows]
        with mx.stream(self._device):
            self._stack_audio()
            if not rows:  # MLX takes no empty index
                self._past, self._queries = [], {layer: [] for layer in self._queries}
                return
            chosen = mx.array(list(rows))
            self._past = [(key[chosen], value[chosen]) for key, value in self._past]
            for layer, queries in self._queries.items():
                self._queries[layer] = [query[chosen] for query in queries]
            mx.eval(self._past, self._queries)

    def attention(self, row: int, columns: IntArray) -> FloatArray:
        """Return the aligned heads' scores; see `network.DecoderBatch`."""
        with mx.stream(self._device):
            chosen = mx.array(columns)
            queries = {
                layer: mx.concatenate([step[row] for step in steps], axis=1)[:, chosen]
                for layer, steps in self._queries.items()
            }
            scores = mx.stack(
                [
                    queries[layer][head] @ self._audio[row][layer][0][0, head].T
                    for layer, head in self._heads
                ]
            ).astype(mx.float32)
            mx.eval(scores)
        attention: FloatArray = np.array(scores)
        return attention

    def _attend(
        self, number: int, x: Array, past: tuple[Array, Array] | None, mask: Array | None
    ) -> Array:
        layers, block = self._layers, f"decoder.blocks.{number}"
        normed = layers.normed(f"{block}.attn_ln", x)
        query, key, value = (
            _split(layers.linear(f"{block}.attn.{part}", normed), layers.decoder_heads)
            for part in ("query", "key", "value")
        )
        if past is not None:
            key = mx.concatenate((past[0], key), axis=2)
            value = mx.concatenate((past[1], value), axis=2)
        self._past.append((key, value))
        return layers.linear(f"{block}.attn.out", _attended(query, key, value, mask))

    def _attend_audio(self, number: int, x: Array) -> Array:
        layers, block = self._layers, f"decoder.blocks.{number}"
        normed = layers.normed(f"{block}.cross_attn_ln", x)
        query = _split(layers.linear(f"{block}.cross_attn.query", normed), layers.decoder_heads)
        if number in self._queries:
            self._queries[number].append(query * query.shape[-1] ** -0.5)
        attended = _attended(query, *self._cross[number], self._cross_mask)
        return layers.linear(f"{block}.cross_attn.out", attended)

    def _stack_audio(self) -> None:
        """Join keys and values of all utterances, padded to the longest, and what hides that."""
        lengths = [keys[0][0].shape[2] for keys in self._audio]
        longest = max(lengths, default=0)
        self._cross = [
            (
                mx.concatenate([_padded(key, longest) for key, _ in layer]),
                mx.concatenate([_padded(value, longest) for _, value in layer]),
            )
            for layer in zip(*self._audio, strict=True)
        ]
        self._cross_mask = None
        if len(set(lengths)) > 1:
            is_audio = np.arange(longest)[None, :] < np.array(lengths)[:, None]
            self._cross_mask = mx.array(is_audio[:, None, None, :])
        mx.eval(self._cross)


class _Layers:
    """A checkpoint's tensors by their names, and the layers that they make.

    Layer norms stay fp32; all else has the type asked for.
    """

    def __init__(self, checkpoint: WhisperCheckpoint, dtype: Any) -> None:
        self.dtype = dtype
        self.decoder_layers = checkpoint.dims.n_text_layer
        self.decoder_heads = checkpoint.dims.n_text_head
        self._tensors = {
            name: self._converted(name, tensor) for name, tensor in checkpoint.tensors.items()
        }
        mx.eval(self._tensors)

    def _converted(self, name: str, tensor: FloatArray) -> Array:
        if name.rsplit(".", 2)[-2].endswith(("ln", "ln_post")):
            return mx.array(tensor)
        if tensor.ndim == 3:  # noqa: PLR2004  a convolution, whose channels MLX wants last
            tensor = np.ascontiguousarray(tensor.transpose(0, 2, 1))
        return mx.array(tensor).astype(self.dtype)

    def __getitem__(self, name: str) -> Array:
        return self._tensors[name]

    def linear(self, name: str, x: Array) -> Array:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors.get(f"{name}.bias")
        return x @ weight.T if bias is None else mx.addmm(bias, x, weight.T)

    def convolved(self, name: str, x: Array, *, stride: int) -> Array:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        return mx.conv1d(x, weight, stride=stride, padding=1) + bias

    def normed(self, name: str, x: Array) -> Array:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        normed = mx.fast.layer_norm(x.astype(mx.float32), weight, bias, NORM_EPSILON)
        return normed.astype(self.dtype)

    def mlp(self, block: str, x: Array) -> Array:
        inner = self.linear(f"{block}.mlp.0", self.normed(f"{block}.mlp_ln", x))
        return self.linear(f"{block}.mlp.2", _gelu(inner))


def _attended(query: Array, key: Array, value: Array, mask: Array | None = None) -> Array:
    """Return the heads' mix of the values, joined: shape (batch, n, width)."""
    scale = query.shape[-1] ** -0.5
    mixed = mx.fast.scaled_dot_product_attention(query, key, value, scale=scale, mask=mask)
    return mixed.transpose(0, 2, 1, 3).flatten(2)


def _highest(x: Array, count: int) -> tuple[Array, Array]:
    """Return places and values of the highest of each row, the highest first."""
    places = mx.argpartition(-x, count - 1, axis=-1)[:, :count]
    values = mx.take_along_axis(x, places, axis=-1)
    order = mx.argsort(-values, axis=-1)
    return mx.take_along_axis(places, order, axis=-1), mx.take_along_axis(values, order, axis=-1)


def _split(x: Array, heads: int) -> Array:
    return x.reshape(*x.shape[:-1], heads, -1).transpose(0, 2, 1, 3)


def _padded(x: Array, longest: int) -> Array:
    missing = longest - x.shape[2]
    return mx.pad(x, [(0, 0), (0, 0), (0, missing), (0, 0)]) if missing else x


def _gelu(x: Array) -> Array:
    return x * (1 + mx.erf(x * 0.5**0.5)) * 0.5


def load(weights: SpeechWeights, settings: BackendSettings) -> WhisperEngine:
    """Return the engine of weights; MLX chooses its own threads."""
    network = MlxNetwork(
        read_checkpoint(weights), device=settings.device, precision=settings.precision
    )
    return WhisperEngine(network, weights.manifest)

"""The torch back-end, the reference: openai-whisper's modules run layer by layer.

Its forward passes are not used, since they insist on 30 s of audio and keep their cache in hooks.
Source: openai-whisper ``model.py``; Radford et al. 2022, arXiv:2212.04356.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.core.network import Scores, writing_rules
from models.asr.decoding.whisper_engine import WhisperEngine
from models.extras.torch import functional, torch, whisper
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from models.asr.backends.settings import BackendSettings
    from models.asr.checkpoints.checkpoint import WhisperCheckpoint
    from models.asr.checkpoints.weights import SpeechWeights
    from models.asr.core.network import IntArray, Pass
    from models.audio.samples import FloatArray

WIDE = 384  # that of Whisper tiny
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
HALVED = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Embedding)  # in the precision asked for
NO_DEVICE = (RuntimeError, AssertionError, ImportError)  # "not compiled with CUDA" asserts
AudioKeys = list[tuple[torch.Tensor, torch.Tensor]]


def configure_torch(threads: int, *, width: int) -> None:
    """Set the threads of one operation, and the library of fp32 products, for this process.

    "medium" is oneDNN: about twice as fast as MKL on AMD for wide encoders, as accurate for our
    shapes (2e-7), but 16 us slower a call, which is most of a narrow decoder's step.

    Args:
        threads: Of one operation.
        width: Of the weights' layers.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium" if width >= WIDE else "highest")


def usable_device(name: str) -> torch.device:
    """Return a device that tensors can be kept on.

    Raises:
        ConfigurationError: torch has no such device, or not here.
    """
    try:
        device = torch.device(name)
        torch.zeros(1).to(device).cpu()
    except NO_DEVICE as error:
        cuda = "available" if torch.cuda.is_available() else "not available"
        reason = str(error).strip().partition("\n")[0]
        raise ConfigurationError(
            f"torch cannot run on {name!r} (CUDA is {cuda} here): {reason}"
        ) from error
    return device


class TorchNetwork:
    """A checkpoint on torch.

    Args:
        checkpoint: Weights.
        device: ``cpu`` or a torch device.
        precision: ``fp32``, ``bf16`` or ``fp16``; layer norms and softmaxes stay fp32.

    Raises:
        ConfigurationError: No such device here.
    """

    def __init__(
        self, checkpoint: WhisperCheckpoint, *, device: str = "cpu", precision: str = "fp32"
    ) -> None:
        self.dims = checkpoint.dims
        self.tokens = checkpoint.tokens
        self._heads = checkpoint.alignment_heads
        self._device = usable_device(device)
        self._dtype = DTYPES[precision]
        self._model: Any = self._loaded(checkpoint)  # openai-whisper is untyped
        ruled, added = writing_rules(self.tokens)
        self._ruled = torch.from_numpy(ruled).to(self._device)
        self._rules = torch.from_numpy(added).to(self._device)

    def _loaded(self, checkpoint: WhisperCheckpoint) -> Any:
        dims = {**checkpoint.dims_as_dict(), "n_vocab": len(checkpoint.tokens.pieces)}
        model = whisper.Whisper(whisper.ModelDimensions(**dims))
        state = {name: torch.from_numpy(array) for name, array in checkpoint.tensors.items()}
        model.load_state_dict(state)
        for module in model.modules():
            if isinstance(module, HALVED):
                module.to(self._dtype)
        for part in (model.encoder, model.decoder):
            part.positional_embedding.data = part.positional_embedding.data.to(self._dtype)
        return model.to(self._device).eval().requires_grad_(False)

    @torch.inference_mode()
    def encode(self, mel: FloatArray) -> AudioKeys:
        """Return every layer's keys and values; see `network.SpeechNetwork`."""
        encoder = self._model.encoder
        x = torch.from_numpy(np.ascontiguousarray(mel.T))[None].to(self._device, self._dtype)
        x = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(x)))).transpose(1, 2)
        x = x + encoder.positional_embedding[: x.shape[1]]
        for block in encoder.blocks:
            x = block(x)
        features = encoder.ln_post(x)
        heads = self.dims.n_text_head
        return [
            (
                _split(block.cross_attn.key(features), heads),
                _split(block.cross_attn.value(features), heads),
            )
            for block in self._model.decoder.blocks
        ]

    def decoder(
        self, audio: Sequence[AudioKeys], *, wants_attention: bool = True
    ) -> TorchDecoderBatch:
        """Return a batch that begins; see `network.SpeechNetwork`."""
        heads = self._heads if wants_attention else ()
        rules = (self._ruled, self._rules)
        return TorchDecoderBatch(self._model.decoder, rules, heads, audio)


class TorchDecoderBatch:
    """Utterances being decoded together on torch; see `network.DecoderBatch`."""

    def __init__(
        self,
        decoder: Any,
        rules: tuple[Tensor, Tensor],
        heads: tuple[tuple[int, int], ...],
        audio: Sequence[AudioKeys],
    ) -> None:
        self._decoder = decoder
        self._ruled, self._rules = rules
        self._heads = heads
        self._aligned = sorted({layer for layer, _ in heads})
        self._queries: dict[int, list[Tensor]] = {layer: [] for layer in self._aligned}
        self._past: list[tuple[Tensor, Tensor]] = []
        self._audio = list(audio)
        self._cross, self._cross_mask = _stack_audio(self._audio)

    @torch.inference_mode()
    def advance(self, step: Pass) -> Scores:
        """Give every utterance its next tokens."""
        decoder, device = self._decoder, self._rules.device
        tokens, positions, mask, scored, rules = (
            torch.from_numpy(array).to(device)
            for array in (step.tokens, step.positions, step.mask, step.scored, step.rules)
        )
        x = decoder.token_embedding(tokens) + decoder.positional_embedding[positions]
        past, self._past = self._past, []
        for layer, block in enumerate(decoder.blocks):
            x = x + self._attend(block, x, past[layer] if past else None, mask)
            x = x + self._attend_audio(block, x, layer)
            x = x + block.mlp(block.mlp_ln(x))
        output = decoder.ln(x.flatten(0, 1)[scored])
        logits = functional.linear(output, decoder.token_embedding.weight).float()
        logits[:, self._ruled] += self._rules[rules]
        log_probabilities = logits.log_softmax(dim=-1)
        best = log_probabilities.topk(step.count, dim=-1)
        return Scores(
            best.indices.cpu().numpy(),
            best.values.cpu().numpy(),
            log_probabilities.cpu().numpy() if step.wants_all else None,
        )

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these utterances alone; see `network.DecoderBatch`."""
        chosen = list(rows)
        self._audio = [self._audio[row] for row in chosen]
        self._cross, self._cross_mask = _stack_audio(self._audio)
        self._past = [(key[chosen], value[chosen]) for key, value in self._past]
        for layer, queries in self._queries.items():
            self._queries[layer] = [query[chosen] for query in queries]

    def attention(self, row: int, columns: IntArray) -> FloatArray:
        """Return the aligned heads' scores; see `network.DecoderBatch`."""
        scores = []
        for layer, head in self._heads:
            query = torch.cat([step[row, head] for step in self._queries[layer]])[columns]
            scores.append((query @ self._audio[row][layer][0][0, head].mT).float())
        return torch.stack(scores).cpu().numpy()

    def _attend(
        self, block: Any, x: Tensor, past: tuple[Tensor, Tensor] | None, mask: Tensor
    ) -> Tensor:
        normed, heads = block.attn_ln(x), block.attn.n_head
        query = _split(block.attn.query(normed), heads)
        key, value = (
            _split(project(normed), heads) for project in (block.attn.key, block.attn.value)
        )
        if past is not None:
            key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
        self._past.append((key, value))
        mixed = functional.scaled_dot_product_attention(query, key, value, mask.to(query.dtype))
        attended: Tensor = block.attn.out(_joined(mixed))
        return attended

    def _attend_audio(self, block: Any, x: Tensor, layer: int) -> Tensor:
        key, value = self._cross[layer]
        query = _split(block.cross_attn.query(block.cross_attn_ln(x)), block.cross_attn.n_head)
        if layer in self._queries:
            self._queries[layer].append(query * query.shape[-1] ** -0.5)
        mixed = functional.scaled_dot_product_attention(query, key, value, self._cross_mask)
        attended: Tensor = block.cross_attn.out(_joined(mixed))
        return attended


def _stack_audio(audio: list[AudioKeys]) -> tuple[list[tuple[Tensor, Tensor]], Tensor | None]:
    """Return keys and values of all utterances, padded to the longest, and what hides that."""
    lengths = [keys[0][0].shape[2] for keys in audio]
    longest = max(lengths, default=0)
    if len(set(lengths)) <= 1:
        stacked = [
            (torch.cat([key for key, _ in layer]), torch.cat([value for _, value in layer]))
            for layer in zip(*audio, strict=True)
        ]
        return stacked, None
    padded = [
        (
            torch.cat([_lengthened(key, longest) for key, _ in layer]),
            torch.cat([_lengthened(value, longest) for _, value in layer]),
        )
        for layer in zip(*audio, strict=True)
    ]
    example = padded[0][0]
    is_audio = torch.arange(longest)[None, :] < torch.tensor(lengths)[:, None]
    return padded, is_audio[:, None, None, :].to(example.device)


def _lengthened(x: Tensor, positions: int) -> Tensor:
    """Return (1, heads, n, d) with zeros up to as many positions."""
    return functional.pad(x, (0, 0, 0, positions - x.shape[2]))


def _split(x: Tensor, heads: int) -> Tensor:
    return x.view(*x.shape[:-1], heads, -1).transpose(1, 2).contiguous()


def _joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def load(weights: SpeechWeights, settings: BackendSettings) -> WhisperEngine:
    """Return the engine of weights; torch's thread count is set for the whole process.

    Raises:
        ConfigurationError: No such device here.
    """
    usable_device(settings.device)  # a wrong device is told before anything is read
    checkpoint = read_checkpoint(weights)
    configure_torch(settings.threads, width=checkpoint.dims.n_audio_state)
    network = TorchNetwork(checkpoint, device=settings.device, precision=settings.precision)
    return WhisperEngine(network, weights.manifest)

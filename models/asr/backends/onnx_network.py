"""The ONNX Runtime back-end: two exported graphs, the decoder's cache kept layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from onnxruntime import OrtValue

from models.asr.checkpoints.onnx_store import EXPORT_VERSION, FORMAT, GraphManifest, find_graphs
from models.asr.core.network import Scores
from models.asr.decoding.whisper_engine import WhisperEngine
from models.asr.exporting.on_demand import export_on_demand
from models.onnx_session import execution_provider, open_session, return_freed_memory
from models.store.manifest import load_manifest, verified_weights
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.asr.backends.settings import BackendSettings
    from models.asr.checkpoints.weights import SpeechWeights
    from models.asr.core.dimensions import WhisperDimensions
    from models.asr.core.network import IntArray, Pass
    from models.asr.core.tokens import TokenTable
    from models.audio.samples import FloatArray

SCORED_OUTPUTS = ("best", "best_log_probabilities")
ALL_OUTPUT = "log_probabilities"


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """Keys and values of one utterance for each decoder layer, (1, heads, positions, d) each."""

    keys: list[FloatArray]
    values: list[FloatArray]

    @property
    def positions(self) -> int:
        """Return the number of encoder positions."""
        return int(self.keys[0].shape[2])


class OnnxNetwork:
    """Whisper on ONNX Runtime.

    Args:
        encoder: Session of `whisper_graphs.encoder_model`.
        decoder: Session of `whisper_graphs.decoder_model`.
        dims: Sizes of the weights.
        tokens: What the output layer writes.
        alignment_heads: (layer, head) of the heads that follow the audio.
    """

    def __init__(
        self,
        encoder: onnxruntime.InferenceSession,
        decoder: onnxruntime.InferenceSession,
        dims: WhisperDimensions,
        tokens: TokenTable,
        alignment_heads: tuple[tuple[int, int], ...],
    ) -> None:
        self._encoder = encoder
        self._decoder = decoder
        self.dims = dims
        self.tokens = tokens
        self._heads = alignment_heads
        layers = range(dims.n_text_layer)
        self._encoder_outputs = [f"cross_{part}.{n}" for part in ("key", "value") for n in layers]

    def encode(self, mel: FloatArray) -> EncodedAudio:
        """Return what the decoder attends to; see `network.SpeechNetwork`."""
        outputs = self._encoder.run(self._encoder_outputs, {"mel": mel})
        layers = self.dims.n_text_layer
        return EncodedAudio(outputs[:layers], outputs[layers:])

    def decoder(
        self, audio: Sequence[EncodedAudio], *, wants_attention: bool = True
    ) -> OnnxDecoderBatch:
        """Return a batch that begins; see `network.SpeechNetwork`."""
        heads = self._heads if wants_attention else ()
        return OnnxDecoderBatch(self._decoder, self.dims, heads, audio)


class OnnxDecoderBatch:
    """Utterances being decoded together on ONNX Runtime; see `network.DecoderBatch`."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        dims: WhisperDimensions,
        heads: tuple[tuple[int, int], ...],
        audio: Sequence[EncodedAudio],
    ) -> None:
        self._session = session
        self._layers = range(dims.n_text_layer)
        self._heads = heads
        self._aligned = sorted({layer for layer, _ in heads})
        self._audio = list(audio)
        self._stacked: list[EncodedAudio] = []
        self._cross: dict[str, OrtValue] = {}
        self._queries: dict[int, list[FloatArray]] = {layer: [] for layer in self._aligned}
        self._stack_audio()
        width = dims.n_text_state // dims.n_text_head
        empty = np.zeros((len(audio), dims.n_text_head, 0, width), np.float32)
        self._past = [OrtValue.ortvalue_from_numpy(empty)] * (2 * dims.n_text_layer)
        self._past_names = [f"past_{p}.{n}" for n in self._layers for p in ("key", "value")]
        present = [f"present_{p}.{n}" for n in self._layers for p in ("key", "value")]
        queries = [f"query.{layer}" for layer in self._aligned]
        self._outputs = [*present, *queries, *SCORED_OUTPUTS]

    def advance(self, step: Pass) -> Scores:
        """Give every utterance its next tokens."""
        feeds = dict(self._cross)
        feeds.update(zip(self._past_names, self._past, strict=True))
        for name in ("tokens", "positions", "mask", "scored", "rules"):
            feeds[name] = OrtValue.ortvalue_from_numpy(getattr(step, name))
        feeds["count"] = OrtValue.ortvalue_from_numpy(np.array([step.count]))
        names = [*self._outputs, ALL_OUTPUT] if step.wants_all else self._outputs
        outputs = self._session.run_with_ort_values(names, feeds)
        cached = len(self._past)
        self._past = outputs[:cached]
        for number, layer in enumerate(self._aligned):
            self._queries[layer].append(outputs[cached + number].numpy())
        scores = outputs[cached + len(self._aligned) :]
        best, log_probabilities = (value.numpy() for value in scores[:2])
        return Scores(best, log_probabilities, scores[2].numpy() if step.wants_all else None)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these utterances alone; see `network.DecoderBatch`."""
        chosen = list(rows)
        if chosen == list(range(len(self._audio))):
            return
        self._audio = [self._audio[row] for row in chosen]
        self._stack_audio()
        self._past = [OrtValue.ortvalue_from_numpy(past.numpy()[chosen]) for past in self._past]
        for layer, queries in self._queries.items():
            self._queries[layer] = [query[chosen] for query in queries]

    def attention(self, row: int, columns: IntArray) -> FloatArray:
        """Return the aligned heads' scores; see `network.DecoderBatch`."""
        queries = {
            layer: np.concatenate([query[row] for query in steps], axis=1)[:, columns]
            for layer, steps in self._queries.items()
        }
        keys = self._audio[row].keys
        scores = [queries[layer][head] @ keys[layer][0, head].T for layer, head in self._heads]
        return np.stack(scores)

    def _stack_audio(self) -> None:
        """Take keys and values of all utterances, padded to the longest, and what hides that.

        Where all hear the same audio it stands once.
        """
        audio = self._audio
        if audio and all(one is audio[0] for one in audio):
            audio = audio[:1]
        if audio and _are_same(audio, self._stacked):
            return
        self._stacked = audio
        longest = max((one.positions for one in audio), default=0)
        for layer in self._layers:
            keys = [one.keys[layer] for one in audio]
            values = [one.values[layer] for one in audio]
            self._cross[f"cross_key.{layer}"] = OrtValue.ortvalue_from_numpy(_padded(keys, longest))
            self._cross[f"cross_value.{layer}"] = OrtValue.ortvalue_from_numpy(
                _padded(values, longest)
            )
        mask = _cross_mask([one.positions for one in audio], longest)
        self._cross["cross_mask"] = OrtValue.ortvalue_from_numpy(mask)


def _are_same(one: Sequence[EncodedAudio], other: Sequence[EncodedAudio]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _cross_mask(positions: Sequence[int], longest: int) -> FloatArray:
    """Return what is added to the scores of audio of so many positions each."""
    if all(count == longest for count in positions):
        return np.zeros((1, 1, 1, longest), np.float32)
    mask = np.full((len(positions), 1, 1, longest), -np.inf, np.float32)
    for row, count in enumerate(positions):
        mask[row, ..., :count] = 0.0
    return mask


def _padded(arrays: list[FloatArray], longest: int) -> FloatArray:
    """Return (1, heads, positions, d) arrays in one of the longest, zeros after the shorter."""
    if len(arrays) == 1:
        return arrays[0]
    _, heads, _, width = arrays[0].shape
    stacked = np.zeros((len(arrays), heads, longest, width), np.float32)
    for row, array in enumerate(arrays):
        stacked[row, :, : array.shape[2]] = array[0]
    return stacked


def load(weights: SpeechWeights, settings: BackendSettings) -> WhisperEngine:
    """Return the engine of weights; exports them first where that was not done before.

    Raises:
        ConfigurationError: No such device here.
    """
    execution_provider(settings.device)  # a wrong device is told before anything is exported
    path = find_graphs(weights, settings.precision, settings.cache) or export_on_demand(
        "onnx", weights, settings.precision, settings.cache
    )
    network = load_graphs(path, device=settings.device, threads=settings.threads)
    return WhisperEngine(network, weights.manifest)


def load_graphs(path: Path, *, device: str, threads: int) -> OnnxNetwork:
    """Return the network of exported graphs after checking every file.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged, or the graphs are not of this version.
    """
    manifest = load_manifest(path, GraphManifest)
    if manifest.format != FORMAT:
        raise ModelIntegrityError(f"{path}: format {manifest.format!r}, not {FORMAT!r}")
    if manifest.export_version != EXPORT_VERSION:
        raise ModelIntegrityError(
            f"{path}: graphs of version {manifest.export_version}, this callstream runs "
            f"version {EXPORT_VERSION}: export them again from their checkpoint"
        )
    encoder_path = verified_weights(path, manifest)
    encoder, decoder = (
        open_session(file, device=device, threads=threads)
        for file in (encoder_path, path.parent / manifest.decoder_file)
    )
    return_freed_memory()  # coded rows were widened
    return OnnxNetwork(encoder, decoder, manifest.dims, manifest.tokens, manifest.alignment_heads)

"""The CTranslate2 back-end: whole hypotheses at once, since it has no steps to take part in.

What differs from the other back-ends follows from that: drafts are not used, hot-words only help
weights that take a prompt, only utterances of one length share a batch, and nothing is searched
with a beam, for which it does not tell the probabilities of tokens.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.asr.checkpoints.ctranslate2_store import find_converted, load_converted
from models.asr.core.dimensions import FRAMES_PER_POSITION, POSITION_MS, SAMPLES_PER_POSITION
from models.asr.decoding.alignment import MEDIAN_WIDTH
from models.asr.decoding.transcripts import Transcript
from models.asr.decoding.whisper_engine import WhisperEngine
from models.asr.exporting.on_demand import export_on_demand
from models.extras.ctranslate2 import ctranslate2
from schemas.errors import ConfigurationError, InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.asr.backends.settings import BackendSettings
    from models.asr.checkpoints.ctranslate2_store import ConvertedManifest
    from models.asr.checkpoints.weights import SpeechManifest, SpeechWeights
    from models.asr.core.hypothesis import Hypothesis
    from models.asr.core.requests import SpeechRequest
    from models.asr.decoding.transcripts import DecodeTask
    from models.audio.samples import FloatArray

COMPUTE_TYPES = {"fp32": "float32", "int8": "int8_float32"}
DEFAULT_SUPPRESSION = -1  # stands for the tokens that the converted weights list


@dataclass(slots=True)
class TimedTranscript(Transcript):
    """What was written, with times.

    Attributes:
        edges_ms: Where each token starts, and where the last one ends; none if not wanted.
    """

    edges_ms: tuple[int, ...] = ()


class Ctranslate2Network:
    """Converted weights on CTranslate2.

    Args:
        folder: Converted weights.
        manifest: What they are.
        precision: ``fp32`` or ``int8``.
        device: ``cpu`` or ``cuda``.
        threads: Threads of one decode.

    Raises:
        ConfigurationError: No such device here, or it has no such precision.
    """

    def __init__(
        self,
        folder: Path,
        manifest: ConvertedManifest,
        *,
        precision: str,
        device: str,
        threads: int,
    ) -> None:
        self.dims = manifest.dims
        self.tokens = manifest.tokens
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder),
                device=device,
                compute_type=COMPUTE_TYPES[precision],
                inter_threads=1,
                intra_threads=threads,
            )
        except (RuntimeError, ValueError) as error:
            raise ConfigurationError(
                f"CTranslate2 cannot run {precision} on {device!r}: {error}"
            ) from error

    def encode(self, mel: FloatArray) -> FloatArray:
        """Return what the decoder attends to, of one utterance: shape (1, positions, width).

        CTranslate2 tells encoded audio from a spectrogram by its shape, and takes as many
        positions as there are mel bands for a spectrogram: then it gets one.

        Args:
            mel: Log-mel spectrogram, shape (n_frames, mel_bands), n_frames even.
        """
        spectrogram = np.ascontiguousarray(mel.T)[None]
        if len(mel) == FRAMES_PER_POSITION * self.dims.n_mels:
            return spectrogram
        encoded: FloatArray = np.array(self._model.encode(_view(spectrogram), to_cpu=True))
        return encoded

    def best_language(self, audio: FloatArray) -> str:
        """Return the most probable language of an utterance.

        Raises:
            InferenceError: CTranslate2 cannot tell with these weights.
        """
        if not self._model.is_multilingual:
            raise InferenceError(
                "this CTranslate2 takes the weights for English-only: state the language"
            )
        [[(name, _), *_]] = self._model.detect_language(_view(audio))
        return str(name).strip("<|>")

    def write(
        self, audio: Sequence[FloatArray], tasks: Sequence[DecodeTask]
    ) -> list[TimedTranscript]:
        """Return what is written for utterances of one length.

        Args:
            audio: What ``encode`` returned.
            tasks: One for each; they may differ in nothing but the tokens of their prompts.
        """
        view = _view(np.concatenate(audio))
        task, end_of_text = tasks[0], self.tokens.end_of_text
        forbidden = [end_of_text] if task.is_forced else []
        results = self._model.generate(
            view,
            [list(task.prompt) for task in tasks],
            beam_size=1,
            max_length=_length_limit(task),
            suppress_tokens=[DEFAULT_SUPPRESSION, *forbidden],
            return_logits_vocab=True,
            return_no_speech_prob=True,
        )
        return [self._transcript(result) for result in results]

    def edges_ms(
        self, audio: FloatArray, opening: Sequence[int], tokens: Sequence[int], positions: int
    ) -> tuple[int, ...]:
        """Return where each token starts, and where the last one ends.

        Args:
            audio: What ``encode`` returned.
            opening: Tokens before the transcript, the last of them ends it.
            tokens: Of the transcript.
            positions: Encoder positions within the audio.
        """
        [aligned] = self._model.align(
            _view(audio),
            list(opening[:-1]),
            [list(tokens)],
            positions * FRAMES_PER_POSITION,
            median_filter_width=MEDIAN_WIDTH,
        )
        starts: dict[int, int] = {}
        for token, position in aligned.alignments:
            starts.setdefault(token, position)
        return tuple(starts[number] * POSITION_MS for number in range(len(tokens) + 1))

    def _transcript(self, result: Any) -> TimedTranscript:
        """Return one utterance's result, its probabilities among what the rules allow."""
        tokens = list(result.sequences_ids[0])
        logits = np.stack([np.array(step) for step in result.logits[0]])
        best = logits.max(axis=-1, keepdims=True)
        totals = best[:, 0] + np.log(np.exp(logits - best).sum(axis=-1))
        is_ended = len(logits) > len(tokens)
        taken = [*tokens, self.tokens.end_of_text] if is_ended else tokens
        log_probabilities = logits[np.arange(len(taken)), taken] - totals
        return TimedTranscript(
            tokens=tokens,
            log_probabilities=log_probabilities[: len(tokens)].tolist(),
            total_log_probability=float(log_probabilities.sum()),
            no_speech_probability=result.no_speech_prob if self.tokens.no_speech >= 0 else 0.0,
        )


class Ctranslate2Engine(WhisperEngine):
    """Greedy Whisper on CTranslate2.

    Args:
        network: Loaded weights.
        manifest: What they are and how they want their audio.
    """

    def __init__(self, network: Ctranslate2Network, manifest: SpeechManifest) -> None:
        super().__init__(network, manifest)  # type: ignore[arg-type]  # has no decoder with steps
        self._converted = network

    def _decode(self, requests: Sequence[SpeechRequest], _beam_size: int) -> list[Hypothesis]:
        """Return hypotheses of requests, those that are alike in one batch."""
        network = self._converted
        audio = [network.encode(self._spectrogram(request.samples)) for request in requests]
        languages = [
            self._stated_language(request) or network.best_language(one)
            for request, one in zip(requests, audio, strict=True)
        ]
        tasks = [
            self._task(request, language)
            for request, language in zip(requests, languages, strict=True)
        ]
        alike = defaultdict(list)
        for number, (one, task) in enumerate(zip(audio, tasks, strict=True)):
            alike[_kind(one, task)].append(number)
        written: dict[int, TimedTranscript] = {}
        for rows in alike.values():
            batch = network.write([audio[row] for row in rows], [tasks[row] for row in rows])
            written.update(zip(rows, batch, strict=True))
        for row, task in enumerate(tasks):
            if task.wants_attention:
                self._align(written[row], audio[row], task, requests[row])
        return [
            self._hypothesis(written[row], request, languages[row], tasks[row])
            for row, request in enumerate(requests)
        ]

    def _align(
        self, written: TimedTranscript, audio: FloatArray, task: DecodeTask, request: SpeechRequest
    ) -> None:
        """Time the tokens, where there is audio enough for CTranslate2's median filter."""
        positions = max(len(request.samples) // SAMPLES_PER_POSITION, 1)
        if not written.tokens or positions < MEDIAN_WIDTH:
            return
        opening = task.prompt[task.start :]
        edges_ms = self._converted.edges_ms(audio, opening, written.tokens, positions)
        shift_ms, end_ms = self._manifest.word_shift_ms, positions * POSITION_MS
        written.edges_ms = tuple(min(max(edge + shift_ms, 0), end_ms) for edge in edges_ms)

    def _edges_ms(self, written: Transcript, request: SpeechRequest, opening: int) -> list[int]:
        """Return where each token starts, and where the last one ends."""
        if isinstance(written, TimedTranscript) and written.edges_ms:
            return list(written.edges_ms)
        return super()._edges_ms(written, request, opening)


def load(weights: SpeechWeights, settings: BackendSettings) -> Ctranslate2Engine:
    """Return the engine of weights; converts them first where that was not done before.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged.
        ConfigurationError: No such device here, or it has no such precision.
    """
    path = find_converted(weights, settings.cache) or export_on_demand(
        "ctranslate2", weights, settings.precision, settings.cache
    )
    folder, about = load_converted(path)
    network = Ctranslate2Network(
        folder,
        about,
        precision=settings.precision,
        device=settings.device,
        threads=settings.threads,
    )
    return Ctranslate2Engine(network, weights.manifest)


def _kind(audio: FloatArray, task: DecodeTask) -> tuple[object, ...]:
    """Return what utterances of one batch have in common."""
    return audio.shape, len(task.prompt), task.start, task.max_tokens, task.is_forced


def _length_limit(task: DecodeTask) -> int:
    """Return the ``max_length`` that lets CTranslate2 write ``max_tokens``.

    It takes half of it for the transcript, or what the prompt but for its last token leaves.
    """
    return task.max_tokens + max(task.max_tokens, len(task.prompt) - 1)


def _view(array: FloatArray) -> Any:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array, dtype=np.float32))

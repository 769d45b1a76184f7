"""The openai-whisper back-end: one stretch of audio in, one hypothesis out."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from whisper.audio import log_mel_spectrogram
from whisper.tokenizer import LANGUAGES, get_tokenizer

from models.asr.alignment import align_tokens, timed_words
from models.asr.engine import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.asr.greedy import GreedyDecoder, TokenSequence, WritingRules
from models.asr.hypothesis import Hypothesis, compression_ratio
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, as_samples
from schemas.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from whisper.tokenizer import Tokenizer

    from models.asr.weights import SpeechManifest
    from models.asr.whisper_network import DecoderState, WhisperNetwork

MAX_TOKENS_PER_SECOND = 12  # fast English speech has about 6
SPARE_TOKENS = 8
SAMPLES_PER_POSITION = 320  # two mel frames are one position of the encoder


class WhisperEngine:
    """Greedy Whisper on torch.

    Args:
        network: Loaded weights.
        manifest: What they are and how they want their audio.
    """

    def __init__(self, network: WhisperNetwork, manifest: SpeechManifest) -> None:
        self._network = network
        self._manifest = manifest
        self._heads = manifest.alignment_heads or _official_heads(network)
        self._tokenizer(manifest.language or "en")
        self._greedy = GreedyDecoder(network, _writing_rules(self._tokenizer("en")))

    @property
    def name(self) -> str:
        """Return name and version of the weights, as messages carry it."""
        return self._manifest.name

    @property
    def max_samples(self) -> int:
        """Return the longest audio that one decode takes, 30 s with its padding."""
        longest = int(self._network.dims.n_audio_ctx) * SAMPLES_PER_POSITION
        return longest - self._pad_samples if self._is_cut else longest

    @property
    def max_segment_ms(self) -> int:
        """Return the longest audio that the weights decode well; 0 if they do not say."""
        return self._manifest.max_segment_ms

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return the greedy hypothesis: a pure function of audio, weights and options.

        Args:
            samples: Mono at 16 kHz in [-1, 1], shape (n_samples,); none give an empty hypothesis.
            options: Language, hot-words, word times.

        Raises:
            AudioFormatError: Not one-dimensional.
            InferenceError: Longer than ``max_samples``, or a language the weights do not know.
        """
        samples = as_samples(samples)
        if len(samples) > self.max_samples:
            seconds = self.max_samples / SAMPLE_RATE_HZ
            raise InferenceError(f"{self.name} decodes at most {seconds:.1f} s at once: cut it")
        with torch.inference_mode():
            return self._transcribe(samples, options)

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return one hypothesis for each request; decoded one by one, so none is influenced."""
        return [self.transcribe(request.samples, request.options) for request in requests]

    @property
    def _is_cut(self) -> bool:
        return self._manifest.encoder_context == "cut"

    @property
    def _pad_samples(self) -> int:
        return self._manifest.pad_ms * SAMPLE_RATE_HZ // 1000

    def _transcribe(self, samples: FloatArray, options: DecodeOptions) -> Hypothesis:
        duration_ms = len(samples) * 1000 // SAMPLE_RATE_HZ
        if not len(samples):
            return Hypothesis(language=self._manifest.language or options.language or "en")
        features = self._network.encode(self._spectrogram(samples))
        tokenizer = self._tokenizer(self._language(features, options))
        layers = tuple(sorted({layer for layer, _ in self._heads})) if options.word_times else ()
        state = self._network.begin(features, layers)
        prompt, start = self._prompt(tokenizer, options)
        written = self._greedy.decode(
            state, prompt, start=start, max_tokens=self._max_tokens(len(samples), len(prompt))
        )
        if options.word_times:
            edges_ms = self._edges_ms(written, state, start, len(samples))
        else:
            tokens = len(written.tokens)
            edges_ms = [duration_ms * n // max(tokens, 1) for n in range(tokens + 1)]
        return _hypothesis(tokenizer, written, edges_ms, duration_ms)

    def _spectrogram(self, samples: FloatArray) -> Tensor:
        """Return the log-mel spectrogram of the audio padded as the weights want it."""
        length = self.max_samples
        if self._is_cut:
            length = len(samples) + self._pad_samples
            length = max(-(-length // SAMPLES_PER_POSITION), 2) * SAMPLES_PER_POSITION
        audio = torch.from_numpy(samples).to(self._network.device)
        padded = F.pad(audio, (0, length - len(samples)))
        spectrogram: Tensor = log_mel_spectrogram(padded, self._network.dims.n_mels)
        return spectrogram

    def _language(self, features: Tensor, options: DecodeOptions) -> str:
        """Return the language to decode as: the weights' own, the one asked for, or detected."""
        if not self._network.model.is_multilingual:
            return self._manifest.language or "en"
        if options.language is not None:
            return options.language
        tokenizer = self._tokenizer("en")
        output = self._network.decode([tokenizer.sot], self._network.begin(features))[-1]
        token = self._greedy.best_of(output, tuple(tokenizer.all_language_tokens))
        return str(tokenizer.decode([token]).strip("<|>"))

    def _prompt(self, tokenizer: Tokenizer, options: DecodeOptions) -> tuple[tuple[int, ...], int]:
        """Return the tokens that every decode begins with, and where the transcript starts."""
        begin = tuple(tokenizer.sot_sequence_including_notimestamps)
        if not (self._manifest.takes_prompt and options.hot_words):
            return begin, 0
        room = self._network.dims.n_text_ctx // 2 - 1
        hot_words = tokenizer.encode(" " + ", ".join(options.hot_words))[-room:]
        return (tokenizer.sot_prev, *hot_words, *begin), len(hot_words) + 1

    def _max_tokens(self, samples: int, prompt_tokens: int) -> int:
        context = int(self._network.dims.n_text_ctx)
        by_duration = samples * MAX_TOKENS_PER_SECOND // SAMPLE_RATE_HZ + SPARE_TOKENS
        return min(by_duration, context // 2, context - prompt_tokens - 1)

    def _edges_ms(
        self, written: TokenSequence, state: DecoderState, start: int, samples: int
    ) -> list[int]:
        """Return where each token starts, and where the last one ends."""
        if not written.tokens:
            return [0]
        self._network.decode([self._end_of_text], state)
        scores = {layer: torch.cat(steps, dim=1) for layer, steps in state.scores.items()}
        positions = max(samples // SAMPLES_PER_POSITION, 1)
        of_heads = torch.stack([scores[layer][head] for layer, head in self._heads])
        prompt_tokens = of_heads.shape[1] - start - len(written.tokens) - 1
        return align_tokens(of_heads[:, start:, :positions], prompt_tokens=prompt_tokens)

    @property
    def _end_of_text(self) -> int:
        return int(self._tokenizer("en").eot)

    def _tokenizer(self, language: str) -> Tokenizer:
        model = self._network.model
        languages = model.num_languages if model.is_multilingual else 99
        return _loaded_tokenizer(language, model.is_multilingual, languages)


@lru_cache
def _loaded_tokenizer(language: str, is_multilingual: bool, languages: int) -> Tokenizer:  # noqa: FBT001
    if language not in LANGUAGES:
        raise InferenceError(f"Whisper has no language {language!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # whisper leaves its vocabulary file open
        return get_tokenizer(
            is_multilingual, num_languages=languages, language=language, task="transcribe"
        )


def _writing_rules(tokenizer: Tokenizer) -> WritingRules:
    """Return the rules of ``whisper.decode``, and no timestamps at all.

    No annotations of sounds, no blank beginning.
    """
    timestamps = range(tokenizer.timestamp_begin, tokenizer.encoding.n_vocab)
    forbidden = (
        tokenizer.transcribe,
        tokenizer.translate,
        tokenizer.sot,
        tokenizer.sot_prev,
        tokenizer.sot_lm,
        tokenizer.no_speech,
        tokenizer.no_timestamps,
    )
    return WritingRules(
        end_of_text=tokenizer.eot,
        no_speech=tokenizer.no_speech,
        suppressed=(*tokenizer.non_speech_tokens, *forbidden, *timestamps),
        suppressed_first=(*tokenizer.encode(" "), tokenizer.eot),
    )


def _official_heads(network: WhisperNetwork) -> tuple[tuple[int, int], ...]:
    """Return openai-whisper's heads: chosen ones for its own weights, else the upper half."""
    indices = network.model.alignment_heads.indices().T.tolist()
    return tuple((layer, head) for layer, head in indices)


def _hypothesis(
    tokenizer: Tokenizer, written: TokenSequence, edges_ms: list[int], duration_ms: int
) -> Hypothesis:
    text = tokenizer.decode(written.tokens).strip()
    probabilities = torch.tensor(written.log_probabilities).exp().tolist()
    return Hypothesis(
        text=text,
        words=timed_words(tokenizer, written.tokens, probabilities, edges_ms),
        duration_ms=duration_ms,
        avg_log_probability=written.avg_log_probability,
        no_speech_probability=written.no_speech_probability,
        compression_ratio=compression_ratio(text),
        language=tokenizer.language or "en",
    )

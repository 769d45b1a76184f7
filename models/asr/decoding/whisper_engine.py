"""Whisper on any back-end: stretches of audio in, hypotheses out."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from models.asr.core.confidence import calibrated_no_speech, calibrated_words
from models.asr.core.dimensions import POSITION_MS, SAMPLES_PER_POSITION
from models.asr.core.hypothesis import Hypothesis, compression_ratio
from models.asr.core.requests import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.asr.decoding.alignment import align_tokens, timed_words
from models.asr.decoding.beam import BeamDecoder
from models.asr.decoding.greedy import GreedyDecoder
from models.asr.decoding.hot_words import HotWordBias, hot_word_spellings
from models.asr.decoding.log_mel import log_mel
from models.asr.decoding.transcripts import DecodeTask, Transcript
from models.asr.decoding.word_times import settle_times
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, as_samples
from models.languages import known_language
from schemas.errors import InferenceError, ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.asr.checkpoints.weights import SpeechManifest
    from models.asr.core.network import SpeechNetwork
    from models.asr.core.policy import PolicyConfig

MAX_TOKENS_PER_SECOND = 9  # English: 560 pieces of real speech had at most 6 a second and 4 more
MAX_FOREIGN_TOKENS_PER_SECOND = 40  # the vocabulary spells other scripts by bytes: Burmese has 37
SPARE_TOKENS = 6
SHORT_MS = 1_000  # audio of a word or two: "yes", a digit
ENGLISH = "en"
HOT_WORD_BONUS = 2.0  # nats, for a token that goes on with a hot-word
BIASES = 256  # sets of hot-words kept ready


class WhisperEngine:
    """Whisper: a beam search for what is exact, greedy where requests share passes.

    Exact requests are decoded one at a time, so that nothing beside them can change a bit of
    their hypotheses; the others share the decoder's passes.

    Args:
        network: Loaded weights.
        manifest: What they are and how they want their audio.

    Raises:
        ModelIntegrityError: The manifest asks for what the weights do not have.
    """

    def __init__(self, network: SpeechNetwork, manifest: SpeechManifest) -> None:
        self._network = network
        self._manifest = manifest
        self._greedy = GreedyDecoder(network.tokens)
        self._beam = BeamDecoder(network)
        self._bias = lru_cache(maxsize=BIASES)(self._build_bias)
        self._takes_prompt = manifest.takes_prompt and network.tokens.start_of_previous >= 0
        self._check_manifest()

    @property
    def name(self) -> str:
        """Return name and version of the weights, as messages carry it."""
        return self._manifest.name

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the codes of the languages that the weights write."""
        return tuple(self._network.tokens.languages) or (self._manifest.language or ENGLISH,)

    @property
    def policy(self) -> PolicyConfig:
        """Return the policy for partials that was calibrated for the weights."""
        return self._manifest.policy

    @property
    def max_samples(self) -> int:
        """Return the longest audio that one decode takes, 30 s with its padding."""
        longest = self._network.dims.n_audio_ctx * SAMPLES_PER_POSITION
        return longest - self._pad_samples if self._is_cut else longest

    @property
    def max_segment_ms(self) -> int:
        """Return the longest audio that the weights decode well; 0 if they do not say."""
        return self._manifest.max_segment_ms

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return the best hypothesis found: a pure function of audio, weights and options.

        Args:
            samples: Mono at 16 kHz in [-1, 1], shape (n_samples,); none give an empty hypothesis.
            options: Language, hot-words, word times, size of the beam.

        Raises:
            AudioFormatError: Not one-dimensional.
            InferenceError: Longer than ``max_samples``.
        """
        return self.transcribe_batch([SpeechRequest(samples, options)])[0]

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return one hypothesis for each request; exact ones are influenced by no other.

        Raises:
            AudioFormatError: Audio that is not one-dimensional.
            InferenceError: Longer than ``max_samples``.
        """
        hypotheses: dict[int, Hypothesis] = {}
        shared = []
        for number, request in enumerate(requests):
            if not self._checked(request.samples):
                hypotheses[number] = Hypothesis(language=self._stated_language(request) or ENGLISH)
            elif request.is_exact:
                size = request.options.beam_size
                hypotheses[number] = self._decode([_without_draft(request)], size)[0]
            else:
                shared.append(number)
        if shared:
            decoded = self._decode([requests[number] for number in shared], 1)
            hypotheses.update(zip(shared, decoded, strict=True))
        return [hypotheses[number] for number in range(len(requests))]

    def _checked(self, samples: FloatArray) -> int:
        length = len(as_samples(samples))
        if length > self.max_samples:
            seconds = self.max_samples / SAMPLE_RATE_HZ
            raise InferenceError(f"{self.name} decodes at most {seconds:.1f} s at once: cut it")
        return length

    def _check_manifest(self) -> None:
        manifest, dims = self._manifest, self._network.dims
        try:
            dims.check_heads(manifest.alignment_heads)
        except ModelIntegrityError as error:
            raise ModelIntegrityError(f"the manifest of {manifest.name}: {error}") from error
        if self.max_samples < SAMPLES_PER_POSITION:
            raise ModelIntegrityError(
                f"the manifest of {manifest.name}: pad_ms is {manifest.pad_ms}, which leaves no "
                f"room for audio in the weights' {dims.n_audio_ctx * POSITION_MS} ms"
            )

    @property
    def _is_cut(self) -> bool:
        return self._manifest.encoder_context == "cut"

    @property
    def _pad_samples(self) -> int:
        return self._manifest.pad_ms * SAMPLE_RATE_HZ // 1000

    def _decode(self, requests: Sequence[SpeechRequest], beam_size: int) -> list[Hypothesis]:
        """Return hypotheses of requests: they share the decoder's passes unless there is a beam."""
        audio = [self._network.encode(self._spectrogram(request.samples)) for request in requests]
        languages = [
            self._stated_language(request) or self._detected(one)
            for request, one in zip(requests, audio, strict=True)
        ]
        tasks = [
            self._task(request, language)
            for request, language in zip(requests, languages, strict=True)
        ]
        if beam_size > 1:
            written = [
                self._beam.decode(one, task, beam_size)
                for one, task in zip(audio, tasks, strict=True)
            ]
        else:
            written = self._greedy.decode(self._network.decoder(audio), tasks)
        return [
            self._hypothesis(transcript, request, language, task)
            for transcript, request, language, task in zip(
                written, requests, languages, tasks, strict=True
            )
        ]

    def _spectrogram(self, samples: FloatArray) -> FloatArray:
        """Return the log-mel spectrogram of the audio padded as the weights want it."""
        length = self.max_samples
        if self._is_cut:
            length = len(samples) + self._pad_samples
            length = max(-(-length // SAMPLES_PER_POSITION), 2) * SAMPLES_PER_POSITION
        padded = np.zeros(length, np.float32)
        padded[: len(samples)] = samples
        return log_mel(padded, self._network.dims.n_mels)

    def _stated_language(self, request: SpeechRequest) -> str:
        """Return the language to decode as, empty if it has to be detected."""
        known = self._network.tokens.languages
        if not known:
            return self._manifest.language or ENGLISH
        return known_language(request.options.language or "", known)

    def _detected(self, audio: Any) -> str:
        return self._greedy.best_languages(self._network.decoder([audio]), 1)[0]

    def _task(self, request: SpeechRequest, language: str) -> DecodeTask:
        """Return what to write: with hot-words as a prompt where weights take one, else a bias."""
        table, options = self._network.tokens, request.options
        opening = table.opening(language)
        before: tuple[int, ...] = ()
        bias = None
        if options.hot_words and self._takes_prompt:
            room = self._network.dims.n_text_ctx // 2 - 1
            hot_words = table.encode(" " + ", ".join(options.hot_words))[-room:]
            before = (table.start_of_previous, *hot_words)
        elif options.hot_words:
            bias = self._bias(options.hot_words)
        prompt = (*before, *opening)
        max_tokens = options.forced_tokens or min(
            _spoken_tokens(len(request.samples), language), self._room_for_text(len(prompt))
        )
        return DecodeTask(
            prompt=prompt,
            start=len(before),
            max_tokens=max_tokens,
            draft=request.draft,
            bias=bias,
            is_forced=bool(options.forced_tokens),
            is_short=len(request.samples) * 1000 < SHORT_MS * SAMPLE_RATE_HZ,
            wants_attention=options.word_times,
            between_steps=request.between_steps,
        )

    def _build_bias(self, hot_words: tuple[str, ...]) -> HotWordBias:
        spellings = [text for word in hot_words for text in hot_word_spellings(word)]
        tokens = [self._network.tokens.encode(spelling) for spelling in spellings]
        return HotWordBias(tokens, HOT_WORD_BONUS)

    def _room_for_text(self, prompt_tokens: int) -> int:
        context = self._network.dims.n_text_ctx
        return min(context // 2, context - prompt_tokens - 1)

    def _hypothesis(
        self, written: Transcript, request: SpeechRequest, language: str, task: DecodeTask
    ) -> Hypothesis:
        table = self._network.tokens
        text = table.text(written.tokens).strip()
        edges_ms = self._edges_ms(written, request, len(table.opening(language)))
        probabilities = np.exp(written.log_probabilities).tolist()
        words = timed_words(table, written.tokens, probabilities, edges_ms, language)
        if request.options.word_times:
            words = settle_times(words, request.samples)
        return Hypothesis(
            text=text,
            words=calibrated_words(words, self._manifest.confidence, written.avg_log_probability),
            duration_ms=len(request.samples) * 1000 // SAMPLE_RATE_HZ,
            avg_log_probability=written.avg_log_probability,
            no_speech_probability=calibrated_no_speech(
                written.no_speech_probability, self._manifest.speech, written.avg_log_probability
            ),
            compression_ratio=compression_ratio(text),
            language=language,
            tokens=tuple(written.tokens),
            is_cut_short=not task.is_forced and len(written.tokens) >= task.max_tokens,
        )

    def _edges_ms(self, written: Transcript, request: SpeechRequest, opening: int) -> list[int]:
        """Return where each token starts, and where the last one ends."""
        samples = len(request.samples)
        if written.attention is None:
            tokens, duration_ms = len(written.tokens), samples * 1000 // SAMPLE_RATE_HZ
            return [duration_ms * number // max(tokens, 1) for number in range(tokens + 1)]
        positions = max(samples // SAMPLES_PER_POSITION, 1)
        scores = written.attention[:, :, :positions]
        shift_ms, end_ms = self._manifest.word_shift_ms, positions * POSITION_MS
        edges_ms = align_tokens(scores, prompt_tokens=opening)
        return [min(max(edge + shift_ms, 0), end_ms) for edge in edges_ms]


def _spoken_tokens(samples: int, language: str) -> int:
    """Return the most tokens that anybody says in so much audio."""
    rate = MAX_TOKENS_PER_SECOND if language == ENGLISH else MAX_FOREIGN_TOKENS_PER_SECOND
    return samples * rate // SAMPLE_RATE_HZ + SPARE_TOKENS


def _without_draft(request: SpeechRequest) -> SpeechRequest:
    """Return the request without a draft: verifying one in a pass may round differently."""
    return replace(request, draft=())

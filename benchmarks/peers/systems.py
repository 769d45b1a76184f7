"""Other ways to follow a live utterance with the same weights, each behind the same three verbs.

All of them decode greedily unless said otherwise, without timestamps and without fallbacks to
higher temperatures, which is the cheapest they offer; none of them times words, except
where its policy needs that.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.peers.weights import peer_module
from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import DecodeOptions, SpeechEngine, SpeechRequest
from models.asr.partials.agreement import LocalAgreement
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray

MEL_HOP = 160
LIVEKIT_TRIM_S = 15.0  # its default
SHIPPED_BEAM = 5  # of faster-whisper


class PeerSystem(Protocol):
    """Follows one utterance after the other."""

    @property
    def name(self) -> str:
        """What it is."""
        ...

    def begin(self) -> None:
        """Forget the last utterance."""
        ...

    def update(self, samples: FloatArray) -> str:
        """Return the text so far, given all of the utterance's audio so far."""
        ...

    def finish(self, samples: FloatArray) -> str:
        """Return the text of the whole utterance."""
        ...


class _Redecoding(ABC):
    """Decodes everything again each time."""

    name = ""

    def begin(self) -> None:  # noqa: B027  nothing to forget
        """Nothing is remembered."""

    def update(self, samples: FloatArray) -> str:
        """Return the text of a fresh decode."""
        return self.decode(samples)

    def finish(self, samples: FloatArray) -> str:
        """Return the text of a fresh decode."""
        return self.decode(samples)

    @abstractmethod
    def decode(self, samples: FloatArray) -> str:
        """Return the text of some audio."""


class StockWhisper(_Redecoding):
    """openai-whisper's own `transcribe`: fp32, padded to 30 s.

    Args:
        checkpoint: In its format.
        forced_tokens: Number of tokens to write; 0 leaves it to the weights.
    """

    name = "openai-whisper, 30 s pad"

    def __init__(self, checkpoint: Path, forced_tokens: int = 0) -> None:
        whisper, torch = peer_module("whisper"), peer_module("torch")
        torch.set_num_threads(1)
        self._model = whisper.load_model(str(checkpoint), device="cpu").float()
        self._transcribe = whisper.transcribe
        self._options: dict[str, Any] = {}
        if forced_tokens:
            end_of_text = whisper.tokenizer.get_tokenizer(self._model.is_multilingual).eot
            self._options = {
                "sample_len": forced_tokens,
                "suppress_tokens": f"-1,{end_of_text}",
            }

    def decode(self, samples: FloatArray) -> str:
        """Return the text of some audio."""
        result = self._transcribe(
            self._model,
            samples,
            language="en",
            fp16=False,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            compression_ratio_threshold=None,
            logprob_threshold=None,
            no_speech_threshold=None,
            **self._options,
        )
        return str(result["text"])


class FasterWhisper(_Redecoding):
    """faster-whisper's own `transcribe`: CTranslate2 int8, padded to 30 s.

    Updates are greedy; the end is decoded with its beam of five, as it ships.

    Args:
        converted: Folder of the weights in CTranslate2's format.
        forced_tokens: Number of tokens to write; 0 leaves it to the weights.
    """

    name = "faster-whisper int8, 30 s pad"

    def __init__(self, converted: Path, forced_tokens: int = 0) -> None:
        self.model = load_faster_whisper(converted)
        self._options: dict[str, Any] = {}
        if forced_tokens:
            end_of_text = self.model.hf_tokenizer.token_to_id("<|endoftext|>")
            self._options = {"max_new_tokens": forced_tokens, "suppress_tokens": [-1, end_of_text]}

    def finish(self, samples: FloatArray) -> str:
        """Return the text of all audio."""
        return self.decode(samples, 1 if self._options else SHIPPED_BEAM)

    def decode(self, samples: FloatArray, beam_size: int = 1) -> str:
        """Return the text of some audio."""
        segments, _ = self.model.transcribe(
            samples,
            language="en",
            beam_size=beam_size,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            **self._options,
        )
        return "".join(segment.text for segment in segments)


class CutCTranslate2(_Redecoding):
    """The engine of faster-whisper without its padding: features of the audio's own length.

    faster-whisper has no option for it; this is the most that its engine can do for one stream.

    Args:
        converted: Folder of the weights in CTranslate2's format.
        pad_ms: Silence after the audio that the weights want.
        forced_tokens: Number of tokens to write; 0 leaves it to the weights.
    """

    name = "CTranslate2 int8, window cut"

    def __init__(self, converted: Path, pad_ms: int, forced_tokens: int = 0) -> None:
        self._whisper = load_faster_whisper(converted)
        self._storage = peer_module("ctranslate2").StorageView
        self._pad = pad_ms * SAMPLE_RATE_HZ // 1000
        token_of = self._whisper.hf_tokenizer.token_to_id
        self._end_of_text = token_of("<|endoftext|>")
        self._prompt = [token_of("<|startoftranscript|>"), token_of("<|notimestamps|>")]
        self._forced_tokens = forced_tokens

    def decode(self, samples: FloatArray) -> str:
        """Return the text of some audio."""
        length = len(samples) + self._pad
        length += -length % (2 * MEL_HOP)
        padded = np.pad(samples, (0, length - len(samples)))
        features = self._whisper.feature_extractor(padded, padding=0)
        features = np.ascontiguousarray(features[None, :, : length // MEL_HOP])
        longest = self._forced_tokens or length * 12 // SAMPLE_RATE_HZ + 8
        (result,) = self._whisper.model.generate(
            self._storage.from_array(features),
            [self._prompt],
            beam_size=1,
            max_length=len(self._prompt) + longest,
            suppress_blank=True,
            suppress_tokens=[-1, self._end_of_text] if self._forced_tokens else [-1],
        )
        ids = [token for token in result.sequences_ids[0] if token < self._end_of_text]
        return str(self._whisper.hf_tokenizer.decode(ids))


class LiveKitStreaming:
    """WhisperLiveKit's local agreement, after whisper_streaming, on faster-whisper int8.

    As it ships: beam 5, word times, the committed text as a prompt, a 30 s pad.

    Args:
        converted: Folder of the weights in CTranslate2's format.
    """

    name = "WhisperLiveKit, local agreement"

    def __init__(self, converted: Path) -> None:
        backends = peer_module("whisperlivekit.local_agreement.backends")
        self._processor_type = peer_module(
            "whisperlivekit.local_agreement.online_asr"
        ).OnlineASRProcessor
        asr = backends.FasterWhisperASR.__new__(backends.FasterWhisperASR)
        asr.model = load_faster_whisper(converted)  # its own loader takes every core
        asr.original_language, asr.logfile = "en", None
        asr.transcribe_kargs = {"temperature": 0.0, "without_timestamps": True}
        asr.tokenizer, asr.confidence_validation = None, False
        asr.buffer_trimming, asr.buffer_trimming_sec = "segment", LIVEKIT_TRIM_S
        self._asr = asr
        self._processor: Any = None
        self._inserted = 0

    def begin(self) -> None:
        """Start another stream."""
        self._processor = self._processor_type(self._asr)
        self._inserted = 0

    def update(self, samples: FloatArray) -> str:
        """Return what is committed, and what may still change."""
        self._insert(samples)
        return self._text(self._processor.transcript_buffer.buffer)

    def finish(self, samples: FloatArray) -> str:
        """Return all of it."""
        self._insert(samples)
        remaining, _ = self._processor.finish()
        return self._text(remaining)

    def _insert(self, samples: FloatArray) -> None:
        self._processor.insert_audio_chunk(samples[self._inserted :])
        self._inserted = len(samples)
        self._processor.process_iter()

    def _text(self, pending: Sequence[Any]) -> str:
        return "".join(token.text for token in (*self._processor.committed, *pending))


class Callstream:
    """This project's engine and local agreement: drafts for partials, a fresh decode at the end.

    Word times included, since the live path has them.

    Args:
        engine: Loaded with the same weights.
        label: Its back-end and precision.
    """

    def __init__(self, engine: SpeechEngine, label: str) -> None:
        self.name = f"callstream, {label}"
        self._engine = engine
        self._options = DecodeOptions()
        self._agreement = LocalAgreement()
        self._draft: tuple[int, ...] = ()

    def begin(self) -> None:
        """Forget the last utterance."""
        self._agreement = LocalAgreement()
        self._draft = ()

    def update(self, samples: FloatArray) -> str:
        """Return what is committed, and what may still change."""
        request = SpeechRequest(samples, self._options, self._draft, is_exact=False)
        (hypothesis,) = self._engine.transcribe_batch([request])
        self._draft = hypothesis.tokens
        return " ".join(word.text for word in self._agreement.update(hypothesis).words)

    def finish(self, samples: FloatArray) -> str:
        """Return the text of a fresh and exact decode."""
        (hypothesis,) = self._engine.transcribe_batch([SpeechRequest(samples, self._options)])
        return hypothesis.text


class CallstreamTogether:
    """This project's engine as the live path uses it: due updates of several streams together.

    Args:
        engine: Loaded with the same weights.
        label: Its back-end and precision.
        streams: How many go on at once.
    """

    def __init__(self, engine: SpeechEngine, label: str, streams: int) -> None:
        self.name = f"callstream, {label}, {streams} streams together"
        self.streams = streams
        self._engine = engine

    def update(
        self, samples: Sequence[FloatArray], drafts: Sequence[tuple[int, ...]]
    ) -> list[Hypothesis]:
        """Return a hypothesis for each stream, given all of its audio so far."""
        options = DecodeOptions()
        return self._engine.transcribe_batch(
            [
                SpeechRequest(one, options, draft, is_exact=False)
                for one, draft in zip(samples, drafts, strict=True)
            ]
        )

    def finish(self, samples: Sequence[FloatArray]) -> list[Hypothesis]:
        """Return a fresh and exact hypothesis for each stream that has come to its end."""
        return self._engine.transcribe_batch([SpeechRequest(one) for one in samples])


def load_faster_whisper(converted: Path) -> Any:
    """Return faster-whisper's model, int8, on one thread.

    Raises:
        MissingExtraError: It is not installed.
    """
    return peer_module("faster_whisper").WhisperModel(
        str(converted), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1
    )

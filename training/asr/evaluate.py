"""Word error rates of exported weights, through openai-whisper itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import jiwer
import msgspec
import numpy as np
import soxr
import torch

from training.asr.held_out import telephone_line
from training.asr.utterances import SAMPLE_RATE_HZ, Recording

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from whisper.model import Whisper

_MODEL_RATE_HZ = 16_000
_FRAME_SAMPLES = 320
_TOKENS_PER_SECOND, _SPARE_TOKENS = 12, 8

Recogniser = Callable[["NDArray[np.float32]"], "Heard"]


class Score(msgspec.Struct, frozen=True):
    """Word error rate of one set, with its size and its worst kinds of error."""

    word_error_rate: float
    utterances: int
    words: int
    substitutions: int
    deletions: int
    insertions: int


class Heard(msgspec.Struct, frozen=True):
    """A transcript and the probability that nobody spoke."""

    text: str
    no_speech_probability: float


def load_recogniser(weights: Path, *, pad_ms: int) -> Recogniser:
    """Return greedy ``whisper.decode`` in fp32 with the encoder context cut to the audio."""
    import whisper  # noqa: PLC0415

    model = whisper.load_model(str(weights), device="cpu").float()

    def recognise(samples: NDArray[np.float32]) -> Heard:
        """Return what is heard in mono 8 kHz samples."""
        wide = soxr.resample(samples, SAMPLE_RATE_HZ, _MODEL_RATE_HZ, "HQ")
        return decode_cut(model, np.asarray(wide, dtype=np.float32), pad_ms=pad_ms)

    return recognise


@torch.inference_mode()
def decode_cut(model: Whisper, samples: NDArray[np.float32], *, pad_ms: int) -> Heard:
    """Return the greedy transcript of 16 kHz samples, encoding no more than they last."""
    import whisper  # noqa: PLC0415

    length = len(samples) + _MODEL_RATE_HZ * pad_ms // 1000
    frames = -(-length // _FRAME_SAMPLES)
    padded = np.zeros(frames * _FRAME_SAMPLES, np.float32)
    padded[: len(samples)] = samples
    mel = whisper.log_mel_spectrogram(padded, model.dims.n_mels)
    features = encode_cut(model, mel[None])
    whole = model.dims.n_audio_ctx
    model.dims.n_audio_ctx = features.shape[1]  # decode then takes them as already encoded
    try:
        seconds = length / _MODEL_RATE_HZ
        options = whisper.DecodingOptions(
            language="en",
            without_timestamps=True,
            fp16=False,
            sample_len=int(seconds * _TOKENS_PER_SECOND) + _SPARE_TOKENS,
        )
        results = whisper.decode(model, features, options)
    finally:
        model.dims.n_audio_ctx = whole
    result = results[0] if isinstance(results, list) else results
    return Heard(str(result.text), float(result.no_speech_prob))


def encode_cut(model: Whisper, mel: torch.Tensor) -> torch.Tensor:
    """Return the encoder's output for a spectrogram shorter than its context.

    Shapes: (batch, mel_bands, 2 * frames) in, (batch, frames, width) out.
    """
    encoder = model.encoder
    gelu = torch.nn.functional.gelu
    x = gelu(encoder.conv2(gelu(encoder.conv1(mel)))).permute(0, 2, 1)
    x = x + encoder.positional_embedding[: x.shape[1]]
    for block in encoder.blocks:
        x = block(x)
    result: torch.Tensor = encoder.ln_post(x)
    return result


def score(
    recognise: Recogniser, recordings: Iterable[Recording], *, through_line: bool = True
) -> tuple[Score, list[tuple[str, str]]]:
    """Return the word error rate over ``recordings`` and each pair of reference and text."""
    pairs = []
    for number, recording in enumerate(recordings):
        samples = recording.samples
        if through_line:
            samples = telephone_line(samples, seed=number)
        hypothesis = " ".join(recognise(samples).text.split())
        pairs.append((" ".join(recording.utterance.words), hypothesis))
    return score_pairs(pairs), pairs


def share_rejected(
    recognise: Recogniser, windows: Iterable[NDArray[np.float32]], *, threshold: float = 0.6
) -> float:
    """Return the share of 8 kHz windows in which, by the model's own word, nobody speaks."""
    verdicts = [recognise(window).no_speech_probability > threshold for window in windows]
    return round(sum(verdicts) / len(verdicts), 4)


def score_pairs(pairs: list[tuple[str, str]]) -> Score:
    """Return the word error rate of pairs of reference and hypothesis."""
    result = jiwer.process_words([a for a, _ in pairs], [b for _, b in pairs])
    return Score(
        word_error_rate=round(float(result.wer), 4),
        utterances=len(pairs),
        words=sum(len(a.split()) for a, _ in pairs),
        substitutions=int(result.substitutions),
        deletions=int(result.deletions),
        insertions=int(result.insertions),
    )

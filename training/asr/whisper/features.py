"""Log-mel spectrograms exactly as openai-whisper computes them, for a batch of windows."""

from __future__ import annotations

import torch
from torch import Tensor
from whisper.audio import mel_filters as whisper_filters

_FFT = 400
_HOP = 160
_FLOOR = 1e-10
_RANGE_DECADES = 8.0


def batch_log_mel(samples: Tensor, filters: Tensor) -> Tensor:
    """Return each window's log-mel spectrogram, normalised by its own maximum.

    Args:
        samples: Mono windows at 16 kHz, shape (batch, n_samples).
        filters: Mel filters, shape (mel_bands, 201).

    Returns:
        Shape (batch, mel_bands, n_samples // 160).

    Source: ``log_mel_spectrogram`` of openai-whisper ``audio.py``.
    """
    window = torch.hann_window(_FFT, device=samples.device)
    spectrum = torch.stft(samples, _FFT, _HOP, window=window, return_complex=True)
    power = spectrum[..., :-1].abs().square()
    decades = (filters @ power).clamp(min=_FLOOR).log10()
    ceiling = decades.amax(dim=(1, 2), keepdim=True)
    limited = torch.maximum(decades, ceiling - _RANGE_DECADES)
    normalised: Tensor = (limited + 4.0) / 4.0
    return normalised


def mel_filters(mel_bands: int) -> Tensor:
    """Return openai-whisper's mel filter bank, shape (mel_bands, 201)."""
    filters: Tensor = whisper_filters("cpu", mel_bands).float()
    return filters

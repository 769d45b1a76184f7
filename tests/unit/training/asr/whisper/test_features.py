"""The batched spectrogram is openai-whisper's."""

from __future__ import annotations

import numpy as np
import torch
import whisper

from training.asr.whisper.features import batch_log_mel, mel_filters


def test_each_window_equals_whispers_own_spectrogram() -> None:
    """Loud and faint windows are normalised each by its own maximum."""
    random = np.random.default_rng(3)
    loud = random.standard_normal(16_000).astype(np.float32) * 0.3
    faint = loud[::-1].copy() * 0.001

    batch = batch_log_mel(torch.from_numpy(np.stack([loud, faint])), mel_filters(80))

    for row, samples in zip(batch, (loud, faint), strict=True):
        expected = whisper.log_mel_spectrogram(samples)
        assert torch.allclose(row, expected, atol=1e-5)

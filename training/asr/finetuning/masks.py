"""SpecAugment: masked spans of time and of frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.asr.finetuning.recipe import SpectrogramMasks

_FRAME_MS = 10  # of a spectrogram
_MOST_OF_A_CLIP = 0.25  # share of a clip that one span of time may mask


def draw_mask(
    settings: SpectrogramMasks,
    shape: tuple[int, int],
    *,
    spoken: int,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return the masked cells of a spectrogram, shape (mel_bands, frames).

    Args:
        settings: How many spans, and how wide.
        shape: Of the spectrogram.
        spoken: Frames of the clip itself, before the padding; only these are masked in time.
        random: Generator.
    """
    bands, frames = shape
    mask = np.zeros((bands, frames), dtype=np.bool_)
    widest = min(settings.max_time_ms // _FRAME_MS, int(spoken * _MOST_OF_A_CLIP))
    for _ in range(settings.time_masks):
        width = int(random.integers(widest + 1))
        start = int(random.integers(max(spoken - width, 0) + 1))
        mask[:, start : start + width] = True
    for _ in range(settings.frequency_masks):
        width = int(random.integers(min(settings.max_bands, bands) + 1))
        start = int(random.integers(bands - width + 1))
        mask[start : start + width] = True
    return mask

"""Voice activity: Silero on ONNX Runtime, and the chain from source samples to scored frames."""

from models.vad.front_end import (
    MAX_LATENCY_MS,
    PRE_ROLL_SAMPLES,
    WARM_UP_FRAMES,
    WARM_UP_MS,
    ChannelFrontEnd,
    Detectors,
    Frame,
    score_ahead,
    warm_up_samples,
)
from models.vad.silero import (
    FRAME_MS,
    FRAME_SAMPLES,
    NARROWBAND_HZ,
    SileroVad,
    SpeechDetector,
    load_vad,
)

__all__ = [
    "FRAME_MS",
    "FRAME_SAMPLES",
    "MAX_LATENCY_MS",
    "NARROWBAND_HZ",
    "PRE_ROLL_SAMPLES",
    "WARM_UP_FRAMES",
    "WARM_UP_MS",
    "ChannelFrontEnd",
    "Detectors",
    "Frame",
    "SileroVad",
    "SpeechDetector",
    "load_vad",
    "score_ahead",
    "warm_up_samples",
]

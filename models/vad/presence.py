"""How sure voice activity detection is that anybody speaks in a sound."""

from functools import cache

from models.audio.samples import FloatArray, halved
from models.vad.silero import NARROWBAND_HZ, SileroVad, load_vad


def speech_peak(samples: FloatArray) -> float:
    """Return the highest probability of speech among the frames of a sound; 0 for less than one.

    The sound is judged by itself, at the rate of a telephone line, whatever was heard before it.

    Args:
        samples: Mono at 16 kHz, shape (n_samples,).

    Raises:
        ModelNotFoundError: The bundled weights are not there.
        ModelIntegrityError: They are damaged.
    """
    vad = _bundled_vad()
    narrow = halved(samples)
    count = len(narrow) // vad.frame_samples
    frames = narrow[: count * vad.frame_samples].reshape(count, vad.frame_samples)
    probabilities, _ = vad.probabilities(frames, vad.initial_state())
    return float(probabilities.max(initial=0.0))


@cache
def _bundled_vad() -> SileroVad:
    return load_vad(sample_rate_hz=NARROWBAND_HZ)

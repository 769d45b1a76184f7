"""From wire payloads to 16 kHz float samples: G.711 and PCM codecs, streaming resampler."""

from models.audio.payload import decode_payload
from models.audio.resample import SOURCE_RATES_HZ, StreamResampler, source_position
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray

__all__ = [
    "SAMPLE_RATE_HZ",
    "SOURCE_RATES_HZ",
    "FloatArray",
    "StreamResampler",
    "decode_payload",
    "source_position",
]

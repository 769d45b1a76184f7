"""The audio of a chunk, checked against the layout of its call."""

import numpy as np

from models.audio.payload import decode_payload
from models.audio.resample import SOURCE_RATES_HZ
from models.audio.samples import FloatArray
from schemas.audio import AudioChunk
from schemas.base import MAX_CALL_MS, MAX_CHANNELS
from schemas.errors import AudioFormatError

MAX_CHUNK_MS = 1_000
SAMPLE_BYTES = {"mulaw": 1, "alaw": 1, "pcm16": 2}


def check_layout(*, rate_hz: int, channels: int) -> None:
    """Refuse a call that cannot be processed.

    Raises:
        AudioFormatError: An unsupported sample rate or number of channels.
    """
    if rate_hz not in SOURCE_RATES_HZ:
        raise AudioFormatError(f"sample rate {rate_hz} Hz is not supported")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioFormatError(f"{channels} channels; a call has 1 to {MAX_CHANNELS}")


def checked_duration(chunk: AudioChunk, *, rate_hz: int, channels: int) -> int:
    """Return the duration of a chunk in samples.

    Args:
        chunk: As it came.
        rate_hz: Sample rate of the call.
        channels: Of the call.

    Raises:
        AudioFormatError: It does not fit the call, or is not audio.
    """
    check_layout(rate_hz=rate_hz, channels=channels)
    if chunk.sample_rate_hz != rate_hz:
        raise AudioFormatError(f"sample rate {chunk.sample_rate_hz} Hz in a call of {rate_hz} Hz")
    if len(chunk.payloads) != channels:
        raise AudioFormatError(f"{len(chunk.payloads)} channels in a call of {channels}")
    sizes = {len(payload) for payload in chunk.payloads if payload}
    if len(sizes) != 1:
        raise AudioFormatError("the channels of a chunk must have audio of one duration")
    size = sizes.pop()
    samples, rest = divmod(size, SAMPLE_BYTES[chunk.encoding])
    if rest or samples * 1000 > MAX_CHUNK_MS * rate_hz:
        raise AudioFormatError(f"{size} bytes of {chunk.encoding} are not a chunk of audio")
    if chunk.seq < 0 or not 0 <= chunk.start_ms <= MAX_CALL_MS:
        raise AudioFormatError(f"chunk {chunk.seq} at {chunk.start_ms} ms")
    return samples


def channel_audio(chunk: AudioChunk, channel: int, samples: int, *, silence: int) -> FloatArray:
    """Return a channel's audio, zeros where the chunk has none, shape (silence + samples,).

    Args:
        chunk: Checked.
        channel: Which one.
        samples: Duration of the chunk.
        silence: Samples of silence before it, where audio was lost.
    """
    payload = chunk.payloads[channel]
    if payload and not silence:
        return decode_payload(chunk.encoding, payload)
    audio = np.zeros(silence + samples, dtype=np.float32)
    if payload:
        audio[silence:] = decode_payload(chunk.encoding, payload)
    return audio

"""The audio of a chunk, checked against the layout of its call."""

from typing import NoReturn

import numpy as np

from models.audio.payload import decode_payload
from models.audio.resample import SOURCE_RATES_HZ
from models.audio.samples import FloatArray
from schemas.audio import MAX_CHUNK_MS, MIN_CHUNK_MS, AudioChunk
from schemas.base import MAX_CALL_MS, MAX_CHANNELS
from schemas.errors import AudioFormatError
from stream_app.calls.transcribe.input.ordered_chunks import SequencedChunk

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
    if rest:
        raise AudioFormatError(
            f"{size} bytes of {chunk.encoding} are not a whole number of samples"
        )
    if samples > -(-MAX_CHUNK_MS * rate_hz // 1000):
        raise AudioFormatError(f"{_length(samples, rate_hz)}; it has at most {MAX_CHUNK_MS} ms")
    if chunk.seq < 0 or not 0 <= chunk.start_ms <= MAX_CALL_MS:
        raise AudioFormatError(f"chunk {chunk.seq} at {chunk.start_ms} ms")
    return samples


def is_short(samples: int, rate_hz: int) -> bool:
    """Return whether a chunk is shorter than the shortest that may have another behind it."""
    return samples < MIN_CHUNK_MS * rate_hz // 1000


def refuse_short(samples: int, rate_hz: int) -> NoReturn:
    """Refuse a chunk that is short and follows on a short one.

    Raises:
        AudioFormatError: Always.
    """
    advice = f"only the last one of a stretch of audio may have less than {MIN_CHUNK_MS} ms"
    raise AudioFormatError(f"{_length(samples, rate_hz)} after another short one; {advice}")


def _length(samples: int, rate_hz: int) -> str:
    return f"a chunk of {samples * 1000 / rate_hz:.5g} ms"


def channel_audio(sequenced: SequencedChunk, channel: int) -> FloatArray:
    """Return a channel's audio from the silence before a chunk on, zeros where it has none."""
    chunk, silence = sequenced.chunk, sequenced.silence
    payload = chunk.payloads[channel] if chunk else b""
    if chunk and payload and not silence:
        return decode_payload(chunk.encoding, payload)
    audio = np.zeros(silence + sequenced.samples, dtype=np.float32)
    if chunk and payload:
        audio[silence:] = decode_payload(chunk.encoding, payload)
    return audio

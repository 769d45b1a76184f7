"""Return which audio a chunk will bring each channel, so that many calls can be scored at once."""

from collections.abc import Iterator, Sequence

from models.audio.payload import decode_payload
from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd
from schemas.audio import AudioChunk
from schemas.errors import AudioFormatError
from stream_app.calls.channel import Channel
from stream_app.calls.chunk_audio import checked_duration
from stream_app.calls.sequencer import DRIFT_MS, ChunkSequencer, to_ms


def upcoming_audio(
    chunk: AudioChunk, sequencer: ChunkSequencer, channels: Sequence[Channel], rate_hz: int
) -> Iterator[tuple[ChannelFrontEnd, FloatArray]]:
    """Yield front ends with the samples that feeding the chunk will insert into them next.

    Only what is certain enough: nothing for a chunk that is not the next one, or a front end that
    is to be rebuilt first. Changes nothing.

    Args:
        chunk: As it came.
        sequencer: Of the call.
        channels: Of the call.
        rate_hz: Sample rate of the call.
    """
    point = sequencer.point
    gap_ms = chunk.start_ms - to_ms(point.clock, rate_hz)
    if chunk.seq != point.next_seq or gap_ms > DRIFT_MS:
        return
    try:
        checked_duration(chunk, rate_hz=rate_hz, channels=len(channels))
    except AudioFormatError:
        return  # feeding it says so
    for channel, payload in zip(channels, chunk.payloads, strict=True):
        front_end = channel.warm_front_end
        if payload and front_end is not None:
            yield front_end, decode_payload(chunk.encoding, payload)

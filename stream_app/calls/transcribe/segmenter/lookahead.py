"""The audio that a chunk will bring to each channel, so that many calls can be scored at once."""

from collections.abc import Iterator

from models.audio.payload import decode_payload
from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd
from schemas.audio import AudioChunk
from schemas.errors import AudioFormatError
from stream_app.calls.transcribe.input.call_input import CallInput
from stream_app.calls.transcribe.input.chunk_audio import checked_duration
from stream_app.calls.transcribe.segmenter.call_channels import CallChannels


def upcoming_audio(
    chunk: AudioChunk, call_input: CallInput, channels: CallChannels
) -> Iterator[tuple[ChannelFrontEnd, FloatArray]]:
    """Yield front ends with the samples that feeding the chunk will insert into them next.

    Only what is certain: nothing for a chunk that does not follow on at once, or for a front end
    that must be rebuilt first. Changes nothing.

    Args:
        chunk: As it came.
        call_input: Of the call.
        channels: Of the call.
    """
    rate_hz = call_input.facts.sample_rate_hz
    try:
        samples = checked_duration(chunk, rate_hz=rate_hz, channels=len(channels))
    except AudioFormatError:
        return  # feeding it says so
    for number in call_input.following(chunk, samples):
        front_end = channels[number].warm_front_end
        if front_end is not None:
            yield front_end, decode_payload(chunk.encoding, chunk.payloads[number])

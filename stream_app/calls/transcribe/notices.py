"""What is told, once a call, about audio that is not as it should be."""

from schemas.audio import AudioChunk
from schemas.transcripts import ChannelHealth
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Tell
from stream_app.calls.transcribe.input.sequence_point import to_ms


def without_start() -> Tell:
    """Return that audio came, and no start of its call before it."""
    return Tell("call.without_start")


def clock_ahead(chunk: AudioChunk, clock: int) -> Tell:
    """Return that the audio clock, in samples, has run ahead of the times of the chunks."""
    clock_ms = to_ms(clock, chunk.sample_rate_hz)
    return Tell(
        "call.clock_ahead", {"start_ms": chunk.start_ms, "clock_ms": clock_ms, "seq": chunk.seq}
    )


def equal_channels() -> Tell:
    """Return that two channels carry the same audio, and the first one alone is heard."""
    return Tell("call.channels_equal")


def unhealthy_channels(
    health: tuple[ChannelHealth, ...], counters: CallCounters
) -> tuple[Tell, ...]:
    """Return what is wrong with the audio of a call's channels, if anything is, and count it."""
    faults = {channel: each.faults for channel, each in enumerate(health) if each.faults}
    for found in faults.values():
        counters.silent_channels += "silent" in found
        counters.quiet_channels += "quiet" in found
        counters.clipped_channels += "clipped" in found
        counters.offset_channels += "offset" in found
        counters.noisy_channels += "noise" in found
    if not faults:
        return ()
    channels = {f"channel_{channel}": " ".join(found) for channel, found in faults.items()}
    return (Tell("call.channels_unhealthy", channels),)

"""Recordings in the containers and codecs that FFmpeg alone reads."""

from pathlib import Path

import numpy as np

from models.extras.av import av
from tests.unit.replay.replay_fakes import tone

RATE_HZ = 16_000
CODECS = {  # name: codec, rate, channels, likeness of the decoded tone
    "call.m4a": ("aac", RATE_HZ, 2, 0.99),
    "call.mp4": ("aac", RATE_HZ, 2, 0.99),
    "call.mov": ("aac", RATE_HZ, 2, 0.99),
    "call.aac": ("aac", RATE_HZ, 2, 0.99),
    "call.webm": ("libopus", 48_000, 2, 0.99),
    "call.mkv": ("libopus", 48_000, 2, 0.99),
    "call.wma": ("wmav2", RATE_HZ, 2, 0.95),
    "call.amr": ("libopencore_amrnb", 8_000, 1, 0.9),
    "call.3gp": ("libopencore_amrnb", 8_000, 1, 0.9),
    "call.g722": ("g722", RATE_HZ, 1, 0.99),
}
MUXERS = {".m4a": "ipod", ".aac": "adts", ".wma": "asf", ".mkv": "matroska"}


def encoded(path: Path, codec: str, rate: int, channels: int, tracks: int = 1) -> Path:
    """Return a file with two seconds of a tone on each channel, of its own pitch."""
    pitches = [300 * (number + 1) for number in range(channels)]
    samples = np.stack([tone(2 * rate, hz=hz, rate=rate) for hz in pitches], axis=1)
    layout = "mono" if channels == 1 else "stereo"
    suffix = path.suffix
    with av.open(path, "w", format=MUXERS.get(suffix, suffix.removeprefix("."))) as container:
        for track in [container.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]:
            assert isinstance(track, av.AudioStream)
            context = track.codec_context
            if codec == "wmav2":
                context.bit_rate = 64_000
            if not context.is_open:  # the first packet opens all of them
                context.open()
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", layout)
            frame.sample_rate, frame.pts = rate, 0
            size = context.frame_size or 1024
            converter = av.AudioResampler(context.format, layout, rate, size)
            for piece in [*converter.resample(frame), *converter.resample(None), None]:
                container.mux(track.encode(piece))
    return path

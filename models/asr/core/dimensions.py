"""The sizes of a Whisper network."""

import msgspec

FRAMES_PER_POSITION = 2  # mel frames, 10 ms each, that one encoder position covers
SAMPLES_PER_POSITION = 320
POSITION_MS = 20
KERNEL = 3  # taps of both convolutions


class WhisperDimensions(msgspec.Struct, frozen=True):
    """openai-whisper's ``ModelDimensions``, under its names."""

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int

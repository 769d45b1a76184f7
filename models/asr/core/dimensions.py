"""The sizes of a Whisper network."""

import msgspec

from schemas.errors import ModelIntegrityError

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

    def upper_heads(self) -> tuple[tuple[int, int], ...]:
        """Return all heads of the upper half of the decoder's layers, as openai-whisper does."""
        layers = range(self.n_text_layer // 2, self.n_text_layer)
        return tuple((layer, head) for layer in layers for head in range(self.n_text_head))

    def check_heads(self, heads: tuple[tuple[int, int], ...]) -> None:
        """See that the decoder has these cross-attention heads.

        Raises:
            ModelIntegrityError: It has not; the first one is named.
        """
        for layer, head in heads:
            if not (0 <= layer < self.n_text_layer and 0 <= head < self.n_text_head):
                raise ModelIntegrityError(
                    f"there is no head [{layer}, {head}] of alignment_heads: the decoder has "
                    f"{self.n_text_layer} layers of {self.n_text_head} heads, counted from 0"
                )

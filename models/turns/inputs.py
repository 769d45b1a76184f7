"""What an end-of-turn graph reads of a text: the same for training's export and the live path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.text.encoder import EncoderConfig, TextEncoder
from models.text.spoken_form import spoken_form

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from models.turns.manifest import TurnManifest

MAX_CHARACTERS = 20_000  # of a raw text: no turn is longer


class TurnInputs(TextEncoder):
    """Token ids of the ends of texts, in the form that the model was trained on.

    Args:
        tokenizer: Its padding and truncation are switched off.
        manifest: Of the model.
    """

    def __init__(self, tokenizer: Tokenizer, manifest: TurnManifest) -> None:
        config = EncoderConfig(
            special_tokens=manifest.special_tokens,
            max_tokens=manifest.max_tokens,
            padding=manifest.padding,
        )
        super().__init__(tokenizer, config)
        self._form = manifest.text_form

    def tokens(self, text: str) -> list[int]:
        """Return the ids of the end of a text; none if it has no words."""
        end = text[-MAX_CHARACTERS:]
        spoken = spoken_form(end)
        if not spoken:
            return []
        return super().tokens(spoken if self._form == "spoken" else _clean(end))


def _clean(text: str) -> str:
    """Return a text that can be written as UTF-8, its spaces squeezed."""
    return " ".join(text.encode("utf-8", "replace").decode().split())

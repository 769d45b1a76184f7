"""The card of exported weights: a JSON file beside them, which the live path reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from training.core.errors import MissingDataError
from training.core.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class WeightsCard(msgspec.Struct, frozen=True):
    """What the live path needs to know of a weights file."""

    name: str
    format: str
    file: str
    sha256: str
    encoder_context: str
    pad_ms: int
    max_segment_ms: int
    alignment_heads: tuple[tuple[int, int], ...]
    language: str
    sample_rate_hz: int
    licence: str
    recipe: str
    step: int
    figures: dict[str, Any]


def check_card(folder: Path, name: str) -> None:
    """Make sure that there is a card to change.

    Raises:
        MissingDataError: There is none.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise MissingDataError(f"the weights have no card {path} to write to: leave --write out")


def change_card(folder: Path, name: str, fields: Mapping[str, object]) -> None:
    """Set fields of the card of weights already exported; None takes one out."""
    path = folder / f"{name}.json"
    card = {**orjson.loads(path.read_bytes()), **fields}
    write_json(path, {key: value for key, value in card.items() if value is not None})

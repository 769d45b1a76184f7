"""What MLX expects in the folders of a base model and of an adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.store.json_object import read_object
from schemas.errors import ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

BASE_CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER = "adapters.safetensors"  # the one name that mlx-lm reads
BEST_ADAPTER = "BEST_MODEL.safetensors"
_PLAIN_ROPE = "default"


def find_adapter(folder: Path) -> Path:
    """Return the file with the matrices: ``adapters.safetensors``, else ``BEST_MODEL.safetensors``.

    Raises:
        ModelNotFoundError: The folder has neither.
    """
    for name in (ADAPTER, BEST_ADAPTER):
        if (folder / name).is_file():
            return folder / name
    raise ModelNotFoundError(f"{folder} has neither {ADAPTER} nor {BEST_ADAPTER}")


def older_settings(folder: Path) -> dict[str, Any]:
    """Return settings of a base that mlx-lm looks for under other names.

    transformers 5 writes ``rope_parameters``; mlx-lm reads ``rope_theta`` and ``rope_scaling``.
    Without them it takes a default of its own, and the answers are wrong without an error.

    Raises:
        ModelNotFoundError: The folder has no ``config.json``.
        ModelIntegrityError: It is damaged.
    """
    config = read_object(folder / BASE_CONFIG)
    rope = config.get("rope_parameters")
    if not isinstance(rope, dict):
        return {}
    settings = {"rope_theta": rope["rope_theta"]} if "rope_theta" in rope else {}
    if rope.get("rope_type", _PLAIN_ROPE) != _PLAIN_ROPE:
        settings["rope_scaling"] = rope
    return {name: value for name, value in settings.items() if config.get(name) is None}

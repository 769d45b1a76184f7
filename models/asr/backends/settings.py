"""How a back-end runs weights."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """How a back-end runs weights; what it means is said at `models.asr.engine.load_engine`.

    Attributes:
        precision: Never ``auto``.
        device: Where it runs.
        threads: Of one decode.
        cache: Folder of exported weights.
    """

    precision: str
    device: str
    threads: int
    cache: Path

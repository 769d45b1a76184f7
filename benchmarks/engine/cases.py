"""What the engine benchmark measures, and how costs become live calls per core.

A stream that speaks without a pause gives one update a second, each a decode of the last W seconds,
and one final every W seconds, a fresh and exact decode of the window, or of the passage that it
belongs to. One core then serves ``1 / (update_s + final_s / W)`` of them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.core.backends import Backend
from benchmarks.core.spread import Spread, spread_of

TOKENS_PER_SECOND = 3.6  # of fast conversational English
BUNDLED = "bundled"
Shape = Literal["full", "growing"]


class Cell(msgspec.Struct, frozen=True):
    """How updates are decoded: how many streams together, with drafts, exactly."""

    batch: int
    has_draft: bool
    is_exact: bool

    @property
    def label(self) -> str:
        """How tables and pictures name it."""
        kind = "exact" if self.is_exact else ("draft" if self.has_draft else "no draft")
        return f"batch {self.batch}, {kind}"


class EngineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes:
        models: ``bundled``, sizes with random weights, or paths of checkpoints.
        window_s: Audio of one decode; bundled weights take no more than they decode well.
        shape: ``full`` decodes a whole window at every update; ``growing`` an utterance that
            grows by a second at a time up to the window, as the live path does.
        passage_s: Audio of one final; 0 for the window alone.
        rounds: Measured after one round of warm-up.
        data: Folder of public data, whose real speech is decoded; else the demo call's.
    """

    models: tuple[str, ...] = ("tiny", "base", "small", BUNDLED)
    backends: tuple[Backend, ...] = (
        Backend("onnx", "int8"),
        Backend("onnx", "fp32"),
        Backend("torch", "fp32"),
    )
    batches: tuple[int, ...] = (1, 8)
    window_s: float = 5.0
    shape: Shape = "full"
    passage_s: float = 0.0
    rounds: int = 3
    core: int = -1
    data: Path | None = None

    @property
    def final_audio_s(self) -> float:
        """Audio of one final: at least the window."""
        return max(self.window_s, self.passage_s)


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What one cell costs.

    Attributes:
        update_ms: CPU time of one update of one stream.
        final_ms: CPU time of one final, decoded alone.
        update_wall_ms: Wall time of one engine call, which a whole batch waits for.
        tokens: Mean number of tokens that an update writes.
    """

    model: str
    backend: str
    precision: str
    engine: str
    batch: int
    draft: bool
    exact: bool
    window_s: float
    update_ms: Spread
    final_ms: Spread
    update_wall_ms: Spread
    calls_per_core: Spread
    tokens: float


def cells(batches: Sequence[int]) -> list[Cell]:
    """Return the ways of decoding updates: an exact request ignores its draft."""
    ways = ((False, True), (False, False), (True, False))
    return [Cell(batch, draft, exact) for batch in batches for draft, exact in ways]


def calls_per_core(update_s: float, final_s: float, window_s: float) -> float:
    """Return how many streams one core serves.

    Args:
        update_s: CPU time of one update, of which each stream wants one a second.
        final_s: CPU time of one final, of which each stream wants one a window.
        window_s: Length of the window.
    """
    return 1.0 / (update_s + final_s / window_s)


def calls_spread(updates_s: Sequence[float], finals_s: Sequence[float], window_s: float) -> Spread:
    """Return the calls per core of each round, as median and range."""
    rounds = zip(updates_s, finals_s, strict=True)
    return spread_of([calls_per_core(update, final, window_s) for update, final in rounds])

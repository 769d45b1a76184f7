"""The time line of a recording whose silence was cut out, from the turns' published times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.audio.samples import FloatArray
from schemas.errors import AudioFormatError

FRAME_MS = 10
QUIET_DB = -65.0
MIN_GAP_MS = 100
USUAL_GAP_MS = 200  # between two pieces where the silence was cut out
LEAD_MS = 100  # of a piece before the time of its turn
SPACING_MS = 60  # at least, between pieces that were put back


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn as published: where it begins and how long it is; one of noise has no words."""

    offset_ms: int
    duration_ms: int
    has_words: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the recording, and where it belongs on the call's clock."""

    start_ms: int
    end_ms: int
    offset_ms: int


def rebuilt(samples: FloatArray, rate_hz: int, turns: Sequence[Turn]) -> FloatArray:
    """Return the audio with its silence put back: zeros, for the line's noise to fill.

    Args:
        samples: Mono, shape (n_samples,).
        rate_hz: Their rate.
        turns: Of the party that they hold, in order.
    """
    pieces = placed_pieces(samples, rate_hz, turns)
    end_ms = max(piece.offset_ms + piece.end_ms - piece.start_ms for piece in pieces)
    audio = np.zeros(end_ms * rate_hz // 1000, np.float32)
    for piece in pieces:
        part = samples[piece.start_ms * rate_hz // 1000 : piece.end_ms * rate_hz // 1000]
        start = piece.offset_ms * rate_hz // 1000
        audio[start : start + len(part)] = part[: len(audio) - start]
    return audio


def placed_pieces(samples: FloatArray, rate_hz: int, turns: Sequence[Turn]) -> list[Piece]:
    """Return the stretches of the recording, each at the time of its turn.

    The recording can be parted where it is quiet. Turns get consecutive stretches so that the
    durations fit best; a turn without words may have no audio at all.

    Raises:
        AudioFormatError: The recording cannot be parted so often.
    """
    edges = _edges(samples, rate_hz)
    pieces: list[Piece] = []
    free_from_ms = 0
    for number, start, end in _best_stretches(edges, turns):
        offset_ms = max(turns[number].offset_ms - LEAD_MS, free_from_ms)
        pieces.append(Piece(edges[start], edges[end], offset_ms))
        free_from_ms = offset_ms + edges[end] - edges[start] + SPACING_MS
    return pieces


def _edges(samples: FloatArray, rate_hz: int) -> list[int]:
    """Return where the recording may be parted, its ends included, in ms."""
    frame = rate_hz * FRAME_MS // 1000
    blocks = samples[: len(samples) // frame * frame].reshape(-1, frame)
    levels = 10 * np.log10(np.square(blocks).mean(axis=1) + 1e-12)
    changes = np.flatnonzero(np.diff(np.pad(levels < QUIET_DB, 1).astype(np.int8)))
    runs = changes.reshape(-1, 2)
    duration_ms = len(samples) * 1000 // rate_hz
    middles = [
        int(start + end) * FRAME_MS // 2
        for start, end in runs
        if (end - start) * FRAME_MS >= MIN_GAP_MS
    ]
    inner = [edge for edge in middles if 0 < edge < duration_ms]
    return [0, *inner, duration_ms]


def _best_stretches(edges: list[int], turns: Sequence[Turn]) -> list[tuple[int, int, int]]:
    """Return (turn, first edge, last edge) of each stretch that is put in its place.

    Raises:
        AudioFormatError: The recording cannot be parted so often.
    """
    best: dict[int, tuple[float, list[tuple[int, int, int]]]] = {0: (0.0, [])}
    for number, turn in enumerate(turns):
        reached: dict[int, tuple[float, list[tuple[int, int, int]]]] = {}
        for edge, (cost, stretches) in best.items():
            if not turn.has_words:
                _keep(reached, edge, cost + turn.duration_ms / 2, stretches)
            for end in range(edge + 1, len(edges)):
                misfit_ms = abs(edges[end] - edges[edge] - turn.duration_ms - USUAL_GAP_MS)
                _keep(reached, end, cost + misfit_ms, [*stretches, (number, edge, end)])
        best = reached
    if len(edges) - 1 not in best:
        raise AudioFormatError(f"{len(turns)} turns in a recording with {len(edges) - 1} pieces")
    return best[len(edges) - 1][1]


def _keep(
    reached: dict[int, tuple[float, list[tuple[int, int, int]]]],
    edge: int,
    cost: float,
    stretches: list[tuple[int, int, int]],
) -> None:
    if edge not in reached or cost < reached[edge][0]:
        reached[edge] = (cost, stretches)

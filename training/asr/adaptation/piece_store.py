"""Pieces of speech on disk: their audio, their texts, and the teacher's states for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from models.audio.samples import FloatArray

_INDEX, _AUDIO, _STATES = "pieces.msgpack", "audio.i16", "states.f16"
_FULL_SCALE = 32_767


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A piece of speech.

    Attributes:
        corpus: Where it is from.
        speaker: Within the corpus.
        text: What the student is to write.
        samples: Its length at 16 kHz.
        positions: Of the teacher's states, 20 ms each.
    """

    corpus: str
    speaker: str
    text: str
    samples: int
    positions: int


class _Index(msgspec.Struct, frozen=True):
    recipe: str
    width: int
    pieces: list[Piece]


class PieceWriter:
    """Writes a store; it is complete when the writer is left without an error.

    Args:
        folder: Of the store; made if it is not there.
        recipe: What tells the store from others, such as a hash.
        width: Of the teacher's states.
    """

    def __init__(self, folder: Path, recipe: str, width: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _INDEX).unlink(missing_ok=True)
        self._folder, self._recipe, self._width = folder, recipe, width
        self._pieces: list[Piece] = []
        self._audio = (folder / _AUDIO).open("wb")
        self._states = (folder / _STATES).open("wb")

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Complete the store, unless there was an error."""
        self._audio.close()
        self._states.close()
        if kind is None:
            index = _Index(self._recipe, self._width, self._pieces)
            partial = self._folder / f"{_INDEX}.partial"
            partial.write_bytes(msgspec.msgpack.encode(index))
            partial.replace(self._folder / _INDEX)

    def add(
        self, corpus: str, speaker: str, text: str, heard: tuple[FloatArray, NDArray[np.float16]]
    ) -> None:
        """Add a piece: its samples, shape (n_samples,), and states, shape (positions, width)."""
        samples, states = heard
        np.round(np.clip(samples, -1, 1) * _FULL_SCALE).astype(np.int16).tofile(self._audio)
        states.astype(np.float16).tofile(self._states)
        self._pieces.append(Piece(corpus, speaker, text, len(samples), len(states)))

    def __len__(self) -> int:
        """Return how many pieces have been added."""
        return len(self._pieces)


def is_complete(folder: Path, recipe: str) -> bool:
    """Return whether the folder holds the store of a recipe."""
    path = folder / _INDEX
    return path.is_file() and msgspec.msgpack.decode(path.read_bytes(), type=_Index).recipe == (
        recipe
    )


class PieceStore:
    """Stores to read as one, memory-mapped; numbers of pieces are stable.

    Args:
        folders: Of the stores, in order.

    Raises:
        MissingDataError: One of them is not complete.
        RecipeError: One of them is empty.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._parts = [_Part(folder) for folder in folders]
        self.pieces: Sequence[Piece] = [piece for part in self._parts for piece in part.pieces]
        self._firsts = np.cumsum([0, *(len(part.pieces) for part in self._parts)])

    def __len__(self) -> int:
        """Return the number of pieces."""
        return len(self.pieces)

    def samples(self, number: int) -> FloatArray:
        """Return the audio of a piece, mono at 16 kHz, shape (n_samples,)."""
        part, own = self._find(number)
        return part.samples(own)

    def states(self, number: int) -> NDArray[np.float16]:
        """Return the teacher's states of a piece, shape (positions, width)."""
        part, own = self._find(number)
        return part.states(own)

    def _find(self, number: int) -> tuple[_Part, int]:
        index = int(np.searchsorted(self._firsts, number, side="right")) - 1
        return self._parts[index], number - int(self._firsts[index])


class _Part:
    """One store."""

    def __init__(self, folder: Path) -> None:
        path = folder / _INDEX
        if not path.is_file():
            raise MissingDataError(f"{folder} holds no pieces")
        index = msgspec.msgpack.decode(path.read_bytes(), type=_Index)
        if not index.pieces:
            raise RecipeError(
                f"{folder} is empty: no piece of the corpus has the lengths of [pieces] and a text "
                "that the teachers are sure of; change them, or leave the corpus out"
            )
        self.pieces = index.pieces
        self._audio = np.memmap(folder / _AUDIO, np.int16, "r")
        self._states = np.memmap(folder / _STATES, np.float16, "r").reshape(-1, index.width)
        self._first_sample = np.cumsum([0, *(piece.samples for piece in self.pieces)])
        self._first_position = np.cumsum([0, *(piece.positions for piece in self.pieces)])

    def samples(self, number: int) -> FloatArray:
        start, end = self._first_sample[number : number + 2]
        return np.asarray(self._audio[start:end] / _FULL_SCALE, np.float32)

    def states(self, number: int) -> NDArray[np.float16]:
        start, end = self._first_position[number : number + 2]
        return np.asarray(self._states[start:end])

"""States below the lowest adapted layer, kept once they are computed: they never change."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from training.analytics.learning.network import padded_ids
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from training.analytics.learning.network import AdaptedNetwork
    from training.analytics.learning.recipe import StatesPlace
    from training.analytics.learning.rows import Row

StateArray = np.ndarray[tuple[int, ...], np.dtype[np.float16]]


class StateStore(Protocol):
    """Keeps the states of rows in fp16."""

    def get(self, key: str) -> StateArray | None:
        """Return the states of a row, shape (tokens, size); None where they are not kept."""

    def put(self, key: str, states: StateArray) -> None:
        """Keep the states of a row."""


class MemoryStates:
    """Keeps states in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, StateArray] = {}

    def get(self, key: str) -> StateArray | None:
        """Return the states of a row; see `StateStore`."""
        return self._kept.get(key)

    def put(self, key: str, states: StateArray) -> None:
        """Keep the states of a row."""
        self._kept[key] = states


class DiskStates:
    """Keeps states as files, each whole or not there, for this run and later ones.

    Args:
        folder: Of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> StateArray | None:
        """Return the states of a row; see `StateStore`. A damaged file is as none."""
        try:
            states: StateArray = np.load(self._path(key))
        except (OSError, ValueError, EOFError):
            return None
        return states

    def put(self, key: str, states: StateArray) -> None:
        """Keep the states of a row."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.stem}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.save(file, states)
        partial.replace(path)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npy"


class LowerStates:
    """The lower states of batches, kept in fp16 where the recipe says so.

    A kept row is computed by itself, so that its states do not depend on what shares its batch.

    Args:
        network: Computes them.
        store: Keeps them; None computes them every time.
        base_sha256: Of the base; with the number of layers and the tokens it is the key of a row.
    """

    def __init__(self, network: AdaptedNetwork, store: StateStore | None, base_sha256: str) -> None:
        self._network = network
        self._store = store if network.lowest else None
        self._prefix = f"{base_sha256} {network.lowest} "

    def of(self, rows: Sequence[Row]) -> Tensor:
        """Return the states of rows, padded, on the device.

        Raises:
            RecipeError: They exceed fp16.
        """
        device = self._network.device
        if self._store is None:
            return self._network.lower_states(padded_ids(rows, device))
        each = [self._kept(row, self._store) for row in rows]
        states = torch.zeros((len(each), max(map(len, each)), each[0].shape[1]))
        for index, one in enumerate(each):
            states[index, : len(one)] = torch.from_numpy(one)
        return states.to(device)

    def _kept(self, row: Row, store: StateStore) -> StateArray:
        text = self._prefix + " ".join(map(str, row.ids[:-1]))
        key = hashlib.sha256(text.encode()).hexdigest()
        states = store.get(key)
        if states is None or len(states) != len(row.ids) - 1:
            computed = self._network.lower_states(padded_ids([row], self._network.device))
            states = computed[0].half().cpu().numpy()
            if not np.isfinite(states).all():
                raise RecipeError(
                    "learning.states: the states of this base exceed fp16; set it to 'none'"
                )
            store.put(key, states)
        return states


def state_store(place: StatesPlace, folder: Path) -> StateStore | None:
    """Return where a recipe keeps states; None where it does not."""
    stores = {"none": None, "memory": MemoryStates(), "disk": DiskStates(folder)}
    return stores[place]

"""Pieces on disk."""

from pathlib import Path

import numpy as np
import pytest

from training.asr.adaptation.piece_store import PieceStore, PieceWriter, is_complete
from training.core.errors import MissingDataError, RecipeError


def test_pieces_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Audio within a step of 16 bits, states in fp16."""
    random = np.random.default_rng(1)
    written = [
        (random.uniform(-1, 1, n).astype(np.float32), random.normal(size=(n // 320, 8)))
        for n in (3_200, 640, 9_600)
    ]

    with PieceWriter(tmp_path, "recipe", 8) as store:
        for number, (samples, states) in enumerate(written):
            store.add("corpus", f"s{number}", f"text {number}", (samples, states.astype("f2")))

    read = PieceStore([tmp_path])
    assert [piece.text for piece in read.pieces] == ["text 0", "text 1", "text 2"]
    for number, (samples, states) in enumerate(written):
        assert read.samples(number) == pytest.approx(samples, abs=2e-5)
        assert np.array_equal(read.states(number), states.astype("f2"))


def test_stores_read_as_one_in_order(tmp_path: Path) -> None:
    """Numbers go on from one to the next."""
    folders = [tmp_path / name for name in ("one", "two")]
    for index, folder in enumerate(folders):
        with PieceWriter(folder, "recipe", 8) as store:
            for number in range(2 - index):
                level = np.float32(0.1 * (1 + 2 * index + number))
                heard = (np.full(320, level), np.full((1, 8), level, "f2"))
                store.add("corpus", "s", f"text {number}", heard)

    read = PieceStore(folders)

    assert [piece.text for piece in read.pieces] == ["text 0", "text 1", "text 0"]
    assert [round(float(read.samples(n)[0]), 2) for n in range(3)] == [0.1, 0.2, 0.3]
    assert [round(float(read.states(n)[0, 0]), 2) for n in range(3)] == [0.1, 0.2, 0.3]


def test_a_store_that_was_not_finished_is_none(tmp_path: Path) -> None:
    """It is made again."""
    with pytest.raises(ValueError, match="shape"), PieceWriter(tmp_path, "recipe", 8) as store:
        np.zeros(3).reshape(2)
    assert len(store) == 0

    assert not is_complete(tmp_path, "recipe")
    with pytest.raises(MissingDataError, match="holds no pieces"):
        PieceStore([tmp_path])


def test_an_empty_store_says_so(tmp_path: Path) -> None:
    """A file of no bytes cannot be mapped into memory."""
    with PieceWriter(tmp_path, "recipe", 8):
        pass

    with pytest.raises(RecipeError, match=r"is empty: no piece .* lengths of \[pieces\]"):
        PieceStore([tmp_path])


def test_a_store_of_another_recipe_does_not_count(tmp_path: Path) -> None:
    """Its texts are another writer's."""
    with PieceWriter(tmp_path, "one", 8) as store:
        store.add("corpus", "s", "text", (np.zeros(320, np.float32), np.zeros((1, 8), "f2")))

    assert is_complete(tmp_path, "one")
    assert not is_complete(tmp_path, "two")

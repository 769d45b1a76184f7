"""Category embeddings: what is nearest, and files that are not whole."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.classification.similarity import (
    ABOUT_NAME,
    CENTRE_NAME,
    CategoryEmbeddings,
    EmbeddedLabel,
    EmbeddingsAbout,
    directions,
    embedded_tasks,
    embeddings_name,
    mapping_name,
)
from schemas.errors import ModelIntegrityError
from tests.support.models.classified_calls import SHOP

WIDTH = 9  # labels of all tasks of the shop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Embeddings along one axis a label, around a centre that is far from 0."""
    about = EmbeddingsAbout(source="logits", width=WIDTH)
    (tmp_path / ABOUT_NAME).write_bytes(msgspec.json.encode(about))
    np.save(tmp_path / CENTRE_NAME, np.full(WIDTH, 5.0, np.float32))
    axes = np.eye(WIDTH, dtype=np.float32)
    for part, first in (("main_cat", 0), ("sub_cat", 2)):
        task = embedded_tasks(SHOP)[part]
        mapping = [EmbeddedLabel(name, 3) for name in task.names]
        np.save(tmp_path / embeddings_name(part), axes[first : first + len(task.names)])
        (tmp_path / mapping_name(part)).write_bytes(msgspec.json.encode(mapping))
    return tmp_path


def logits(**axes: float) -> np.ndarray:
    found = np.full(WIDTH, 5.0)
    for name, value in axes.items():
        found[int(name.removeprefix("axis"))] += value
    return found


def test_the_nearest_label_is_the_second_opinion(folder: Path) -> None:
    """By the direction from the centre, however long the vector is."""
    embeddings = CategoryEmbeddings(folder, SHOP)

    for scale in (0.1, 1.0, 50.0):
        vector = logits(axis3=2 * scale, axis2=scale)
        assert embeddings.second_opinion("a text", vector) == "Late"
    near = embeddings.nearest("subject", "a text", logits(axis3=2.0, axis2=1.0))
    assert [each.label for each in near] == ["Late", "Broken", "Refund"]
    assert near[0].similarity == pytest.approx(2 / 5**0.5, abs=1e-6)
    assert embeddings.nearest("area", "a text", logits(axis1=1.0))[0].label == "Money"


def test_a_label_set_without_parents_has_embeddings_of_its_first_task() -> None:
    flat = msgspec.structs.replace(SHOP, tasks=SHOP.tasks[2:])

    assert {part: task.name for part, task in embedded_tasks(flat).items()} == {"main_cat": "moods"}
    assert list(embedded_tasks(SHOP)) == ["main_cat", "sub_cat"]


def test_a_vector_without_direction_has_no_length() -> None:
    assert directions(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (ABOUT_NAME, b"{", "cannot be read"),
        (CENTRE_NAME, b"no array", "cannot be read"),
        ("sub_cat_embeddings.npy", b"", "cannot be read"),
        ("sub_cat_mapping.json", b'[{"label": "Late", "rows": 1}]', "labels are not those"),
    ],
)
def test_what_is_not_whole_is_refused(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / name).write_bytes(content)

    with pytest.raises(ModelIntegrityError, match=words):
        CategoryEmbeddings(folder, SHOP)


@pytest.mark.parametrize(
    "array", [np.zeros((3, 8), np.float32), np.full((3, WIDTH), np.nan, np.float32)]
)
def test_figures_of_another_model_are_refused(folder: Path, array: np.ndarray) -> None:
    np.save(folder / "sub_cat_embeddings.npy", array)

    with pytest.raises(ModelIntegrityError, match="finite ones"):
        CategoryEmbeddings(folder, SHOP)


def test_a_file_that_is_missing_is_told(folder: Path) -> None:
    (folder / "main_cat_mapping.json").unlink()

    with pytest.raises(ModelIntegrityError, match=r"main_cat_mapping\.json cannot be read"):
        CategoryEmbeddings(folder, SHOP)

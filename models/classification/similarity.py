"""Category embeddings: which labels a call is most like.

The embedding of a label is a direction from the centre of all calls: half that of the calls that
have it, half that of its definition; of a label that no call has, that of its definition alone. The
vectors are the logits of the model, or those of a sentence encoder that lies beside the embeddings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np

from models.classification.text_vectors import TextVectors
from models.text.encoder import SpecialTokens
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from models.classification.label_set import LabelSet, Task

    FloatArray = npt.NDArray[np.floating]

MAIN, SUB = "main_cat", "sub_cat"
ABOUT_NAME, CENTRE_NAME = "embeddings.json", "centre.npy"
T = TypeVar("T")
_SMALLEST = 1e-9  # length of a vector without a direction


class EmbeddingsAbout(msgspec.Struct, frozen=True, kw_only=True):
    """What category embeddings are made of.

    Attributes:
        source: Of the vectors: the ``logits`` of the model, or an ``encoder`` of their own.
        width: Figures of a vector.
        special_tokens: Of the encoder.
        max_tokens: Of its longest window.
    """

    source: Literal["logits", "encoder"]
    width: int
    special_tokens: SpecialTokens = SpecialTokens(first=-1, last=-1, padding=0)
    max_tokens: int = 128


class EmbeddedLabel(msgspec.Struct, frozen=True):
    """A label of a mapping file; its place there is its row among the embeddings.

    Attributes:
        label: Its name.
        rows: Training calls that its embedding rests on; 0: on its definition alone.
    """

    label: str
    rows: int


class Neighbour(NamedTuple):
    """A label that a call, or another label, is like.

    Attributes:
        label: Its name.
        similarity: Cosine, -1 to 1.
    """

    label: str
    similarity: float


def embedded_tasks(label_set: LabelSet) -> dict[str, Task]:
    """Return the tasks that have embeddings by the beginning of their files, the finest last.

    The first task with a parent is ``sub_cat`` and its parent ``main_cat``; in a label set without
    one, its first task is ``main_cat``.
    """
    for task in label_set.tasks:
        if task.parent:
            return {MAIN: label_set.task(task.parent), SUB: task}
    return {MAIN: label_set.tasks[0]}


def embeddings_name(part: str) -> str:
    """Return the file with the embeddings of a task, shape (labels, width), rows of length 1."""
    return f"{part}_embeddings.npy"


def mapping_name(part: str) -> str:
    """Return the file that names the rows."""
    return f"{part}_mapping.json"


class CategoryEmbeddings:
    """The embeddings of the labels of a model, read from their folder.

    Args:
        folder: That `training.classification.similarity.embeddings` wrote.
        label_set: Of the model.
        threads: For one run of an encoder.

    Raises:
        ModelIntegrityError: A file is missing or damaged, or not of this label set.
    """

    def __init__(self, folder: Path, label_set: LabelSet, *, threads: int = 1) -> None:
        about = _decoded(folder / ABOUT_NAME, EmbeddingsAbout)
        self._centre = _array(folder / CENTRE_NAME, (about.width,))
        self._encoder: TextVectors | None = None
        if about.source == "encoder":
            self._encoder = TextVectors.load(
                folder, about.special_tokens, about.max_tokens, threads=threads
            )
        self.vectors: dict[str, FloatArray] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        parts = embedded_tasks(label_set)
        for part, task in parts.items():
            mapping = _decoded(folder / mapping_name(part), list[EmbeddedLabel])
            if [each.label for each in mapping] != list(task.names):
                raise ModelIntegrityError(f"{folder}: its labels are not those of {task.name!r}")
            shape = (len(task.names), about.width)
            self.vectors[task.name] = _array(folder / embeddings_name(part), shape)
            self._names[task.name] = task.names
        self._finest = [task.name for task in parts.values()][-1]

    def nearest(self, task: str, text: str, logits: FloatArray) -> list[Neighbour]:
        """Return the labels of a task, those that a call is most like first.

        Args:
            task: One that has embeddings.
            text: Spoken form of what is classified of the call, with a word at least.
            logits: Of the whole call, shape (logits,).
        """
        vector = logits if self._encoder is None else self._encoder.of_texts([text])[0]
        likeness = self.vectors[task] @ directions(vector - self._centre)
        order = np.argsort(-likeness, kind="stable")
        return [Neighbour(self._names[task][index], float(likeness[index])) for index in order]

    def second_opinion(self, text: str, logits: FloatArray) -> str:
        """Return the sub-category that a call is most like; see `nearest`."""
        return self.nearest(self._finest, text, logits)[0].label


def directions(vectors: FloatArray) -> FloatArray:
    """Return vectors of length 1; one without a direction stays as it is."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, _SMALLEST))


def _array(path: Path, shape: tuple[int, ...]) -> FloatArray:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelIntegrityError(f"the embeddings {path} cannot be read: {error}") from error
    if found.shape != shape or not np.isfinite(found).all():
        raise ModelIntegrityError(f"{path} has {found.shape} figures, not {shape} finite ones")
    return np.asarray(found, np.float32)


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise ModelIntegrityError(f"{path} cannot be read: {error}") from error

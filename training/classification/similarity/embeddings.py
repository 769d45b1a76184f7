"""The making of category embeddings, beside the manifest of an exported model."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from models.classification.decoding import aggregated
from models.classification.label_set import load_label_set
from models.classification.manifest import load_classification_manifest, without_embeddings
from models.classification.similarity import (
    ABOUT_NAME,
    CENTRE_NAME,
    EmbeddedLabel,
    EmbeddingsAbout,
    directions,
    embedded_tasks,
    embeddings_name,
    mapping_name,
)
from models.classification.text_vectors import TextVectors
from models.store.manifest import sha256_of, write_manifest
from training.classification.corpus.rows import Row, RowTurn, spoken_text
from training.classification.evaluation.measured import exported_model
from training.classification.evaluation.scoring import score_calls
from training.classification.learning.inputs import tokenized
from training.classification.similarity.encoder import export_encoder
from training.core.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from models.classification.label_set import LabelSet, Task

    FloatArray = npt.NDArray[np.floating]

CALLS_OF_A_LABEL = 30
_SEED = 0


class Vectors(Protocol):
    """Returns the vectors of rows, shape (rows, width)."""

    def of_rows(self, rows: Sequence[Row]) -> FloatArray:
        """Return them."""
        ...


class LogitVectors:
    """The logits of whole calls by an exported model.

    Args:
        manifest_path: Of the model.
    """

    def __init__(self, manifest_path: Path) -> None:
        self._model, self._calibration = exported_model(manifest_path)

    def of_rows(self, rows: Sequence[Row]) -> FloatArray:
        """Return the logits of rows by all readings of the model, shape (rows, logits)."""
        model, windows = self._model, self._model.windows
        calls = score_calls(
            model.scorer,
            tokenized(rows, model.tokenizer, model.label_set),
            self._calibration.all_readings(windows.max_tokens),
            windows.special.around,
        )
        return aggregated(calls, model.tasks, self._calibration.aggregation)


class EncoderVectors:
    """What a sentence encoder makes of the words of rows.

    Args:
        vectors: The encoder.
        label_set: Decides whose turns are read.
    """

    def __init__(self, vectors: TextVectors, label_set: LabelSet) -> None:
        self._vectors = vectors
        self._label_set = label_set

    def of_rows(self, rows: Sequence[Row]) -> FloatArray:
        """Return their vectors, shape (rows, width)."""
        return self._vectors.of_texts([spoken_text(row, self._label_set) for row in rows])


def write_embeddings(manifest_path: Path, rows: Iterable[Row], *, encoder: str = "") -> Path:
    """Write the category embeddings of an exported model; return their folder.

    The manifest names them afterwards, with their sha256; in between it names none, so that the
    model can be loaded whenever this is stopped.

    Args:
        manifest_path: Of the model.
        rows: That it was trained on; of each label some are read.
        encoder: A sentence encoder whose vectors are taken instead of the model's logits; see
            `training.text.encoder_base.EncoderRecipe.model`.

    Raises:
        MissingDataError: The encoder is not there.
        ModelNotFoundError: A file of the model is missing.
        ModelIntegrityError: A file of the model is damaged.
    """
    manifest = load_classification_manifest(manifest_path)
    label_set = load_label_set(manifest_path.parent / manifest.label_set_file)
    tasks = embedded_tasks(label_set)
    some = _some_of_each(rows, list(tasks.values())[-1], label_set)
    name = f"{manifest_path.stem}.embeddings"
    folder = manifest_path.parent / name
    with tempfile.TemporaryDirectory(dir=manifest_path.parent, prefix=".embeddings-") as place:
        partial = Path(place) / name
        partial.mkdir()
        vectors, about = _source(manifest_path, partial, encoder)
        differing = {spoken_text(row, label_set): row for row in some}
        _write_tasks(partial, tasks, vectors, list(differing.values()))
        write_json(partial / ABOUT_NAME, about)
        bare = without_embeddings(manifest)
        if bare != manifest:
            write_manifest(bare, manifest_path)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    own = {f"{name}/{file.name}": sha256_of(file) for file in sorted(folder.iterdir())}
    others = bare.other_files | own
    changed = msgspec.structs.replace(manifest, other_files=others, embeddings_folder=name)
    write_manifest(changed, manifest_path)
    return folder


def _source(manifest_path: Path, folder: Path, encoder: str) -> tuple[Vectors, EmbeddingsAbout]:
    manifest = load_classification_manifest(manifest_path)
    label_set = load_label_set(manifest_path.parent / manifest.label_set_file)
    if encoder:
        about = export_encoder(encoder, folder)
        vectors = TextVectors.load(folder, about.special_tokens, about.max_tokens)
        return EncoderVectors(vectors, label_set), about
    width = sum(len(labels) for labels in manifest.tasks.values())
    return LogitVectors(manifest_path), EmbeddingsAbout(source="logits", width=width)


def _write_tasks(
    folder: Path, tasks: dict[str, Task], vectors: Vectors, rows: Sequence[Row]
) -> None:
    """Write centre, embeddings and mappings.

    Args:
        folder: To write to.
        tasks: By the beginning of their files.
        vectors: Of rows.
        rows: Of different words.
    """
    calls = vectors.of_rows(rows)
    defined = {part: vectors.of_rows(_definitions(task)) for part, task in tasks.items()}
    centre = (calls if rows else np.concatenate(list(defined.values()))).mean(axis=0)
    np.save(folder / CENTRE_NAME, centre.astype(np.float32))
    calls = directions(calls - centre)
    for part, task in tasks.items():
        found = directions(defined[part] - centre)
        held = [row.labels.get(task.name, ()) for row in rows]
        mapping = []
        for place, name in enumerate(task.names):
            own = [n for n, labels in enumerate(held) if name in labels]
            if own:
                found[place] += directions(calls[own].mean(axis=0))
            mapping.append(EmbeddedLabel(name, len(own)))
        np.save(folder / embeddings_name(part), directions(found).astype(np.float32))
        write_json(folder / mapping_name(part), mapping)


def _definitions(task: Task) -> list[Row]:
    """Return what labels say of themselves, as calls of nobody in particular."""
    return [
        Row(
            id=label.name,
            source="definitions",
            group=label.name,
            turns=(RowTurn("unknown", f"{label.name}. {label.definition}"),),
            labels={},
        )
        for label in task.labels
    ]


def _some_of_each(rows: Iterable[Row], task: Task, label_set: LabelSet) -> list[Row]:
    """Return up to `CALLS_OF_A_LABEL` rows of each label of a task, always the same ones."""
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for label in row.labels.get(task.name, ()):
            by_label[label].append(row)
    drawn = random.Random(_SEED)
    found: dict[str, Row] = {}
    for label in sorted(by_label):
        own = sorted(by_label[label], key=lambda row: row.id)
        chosen = drawn.sample(own, min(len(own), CALLS_OF_A_LABEL))
        found |= {row.id: row for row in chosen if spoken_text(row, label_set)}
    return list(found.values())

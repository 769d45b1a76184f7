"""What the manifest of a classification model promises."""

import math
from pathlib import Path
from typing import Literal

import msgspec

from models.classification.readings import LONGEST, SHORTEST, Reading, wrong_readings
from models.store.manifest import WeightsManifest, load_manifest, sha256_of_fields
from models.text.encoder import EncoderSetting, Padding, SpecialTokens
from schemas.errors import ModelIntegrityError

FORMAT = "callstream-classification-onnx"
Aggregation = Literal["mean", "max", "weighted"]
# Fields that tell how a model was made and what it reaches, and decide no answer
_TOLD = frozenset({"name", "licence", "precision", "encoder", "agreement", "eval_avg_acc"})


class ClassificationManifest(WeightsManifest, frozen=True, kw_only=True):
    """What stands beside the graph of a classification model; ``file`` is the graph.

    The graph takes ``input_ids`` and ``attention_mask`` and gives ``logits`` of shape (texts,
    labels): those of all tasks side by side, in the order of ``tasks``.

    Attributes:
        label_set_file: One of ``other_files``: the label set that it was trained on, as TOML.
        tokenizer_file: One of ``other_files``, as the package ``tokenizers`` reads it.
        special_tokens: Their ids.
        tasks: Name of each task and the names of its labels, in the order of the outputs.
        temperatures: By which the logits of each task are divided before the probabilities.
        given_from: By task and label, as `models.classification.decoding.decide` takes it: what
            the validation set decided so that enough calls of a label are found.
        max_tokens: Longest window, special tokens included.
        overlap_tokens: That two windows share.
        aggregation: How the windows of a call become one answer: ``mean`` or ``max`` of the
            logits, or ``weighted`` by the certainty of each window.
        readings: In which a call is read beside that in windows of ``max_tokens``, which every
            call has with the weight 1.
        padding: As `models.text.encoder.EncoderConfig` has it.
        embeddings_folder: Folder beside the manifest with the category embeddings, whose files are
            among ``other_files``; empty without.
        precision: Of the products with weights.
        encoder: The configuration of the encoder, as transformers names its settings.
        agreement: What the export measured against the trained model.
        eval_avg_acc: Mean accuracy of the tasks on the frozen validation set; -1 where unknown.
    """

    label_set_file: str
    tokenizer_file: str
    special_tokens: SpecialTokens
    tasks: dict[str, tuple[str, ...]]
    temperatures: dict[str, float] = msgspec.field(default_factory=dict)
    given_from: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    max_tokens: int = 128
    overlap_tokens: int = 32
    aggregation: Aggregation = "mean"
    readings: tuple[Reading, ...] = ()
    padding: Padding = "bucket"
    embeddings_folder: str = ""
    precision: str = "fp32"
    encoder: dict[str, EncoderSetting] = msgspec.field(default_factory=dict)
    agreement: dict[str, float] = msgspec.field(default_factory=dict)
    eval_avg_acc: float = -1.0

    @property
    def all_readings(self) -> tuple[Reading, ...]:
        """Return the ways in which a call is read, the one that every call has first."""
        return Reading(self.max_tokens, self.overlap_tokens), *self.readings

    @property
    def content_sha256(self) -> str:
        """Return the hash of all that decides answers: graph, label set, calibration, windows .."""
        return sha256_of_fields(self, _TOLD)


def load_classification_manifest(path: Path) -> ClassificationManifest:
    """Return a manifest whose fields agree with one another.

    Raises:
        ModelNotFoundError: No file there.
        ModelIntegrityError: Not the manifest of a classification model.
    """
    manifest = load_manifest(path, ClassificationManifest)
    others = manifest.other_files
    problems = (
        (manifest.format != FORMAT, f"format {manifest.format!r}, not {FORMAT!r}"),
        (not manifest.tasks, "it names no tasks"),
        (manifest.tokenizer_file not in others, "its tokenizer has no sha256"),
        (manifest.label_set_file not in others, "its label set has no sha256"),
        (not _names_labels(manifest), "given_from names a label that there is not"),
        (not _are_temperatures(manifest), "temperatures are over 0, each of a task"),
        (not _are_probabilities(manifest), "given_from holds probabilities"),
        (not SHORTEST <= manifest.max_tokens <= LONGEST, f"max_tokens {manifest.max_tokens}"),
        (
            not 0 <= manifest.overlap_tokens < manifest.max_tokens // 2,
            f"overlap_tokens {manifest.overlap_tokens}",
        ),
        *(
            (True, complaint)
            for complaint in wrong_readings(manifest.readings, manifest.tasks, manifest.max_tokens)
        ),
    )
    for is_wrong, reason in problems:
        if is_wrong:
            raise ModelIntegrityError(f"{path}: {reason}")
    return manifest


def without_embeddings(manifest: ClassificationManifest) -> ClassificationManifest:
    """Return a manifest of the same model without its category embeddings."""
    folder = manifest.embeddings_folder
    others = {
        file: sha256
        for file, sha256 in manifest.other_files.items()
        if not (folder and file.startswith(f"{folder}/"))
    }
    return msgspec.structs.replace(manifest, other_files=others, embeddings_folder="")


def _are_temperatures(manifest: ClassificationManifest) -> bool:
    found = manifest.temperatures
    return found.keys() <= manifest.tasks.keys() and all(0 < t < math.inf for t in found.values())


def _are_probabilities(manifest: ClassificationManifest) -> bool:
    return all(0 <= p <= 1 for labels in manifest.given_from.values() for p in labels.values())


def _names_labels(manifest: ClassificationManifest) -> bool:
    return all(
        labels.keys() <= set(manifest.tasks.get(task, ()))
        for task, labels in manifest.given_from.items()
    )

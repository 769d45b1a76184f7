"""Models in the forms that are measured: a trained network, or an exported graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.classification.decoding import columns_of
from models.classification.label_set import load_label_set
from models.classification.manifest import load_classification_manifest, without_embeddings
from models.onnx_session import open_session
from models.store.manifest import verified_weights
from models.text.encoder import load_tokenizer
from training.classification.evaluation.calibration import Calibration
from training.classification.evaluation.scoring import GraphScorer, NetworkScorer
from training.classification.learning.inputs import Windows
from training.classification.learning.trained import load_classifier

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

    from models.classification.decoding import TaskColumns
    from models.classification.label_set import LabelSet
    from training.classification.evaluation.scoring import Scorer


@dataclass(frozen=True)
class ModelToMeasure:
    """A model in the form that is measured.

    Attributes:
        name: Of it.
        scorer: Gives its logits.
        tokenizer: With neither padding nor truncation.
        windows: How inputs are made.
        label_set: Of its tasks.
        form: What it is: ``network``, or the precision of a graph.
    """

    name: str
    scorer: Scorer
    tokenizer: Tokenizer
    windows: Windows
    label_set: LabelSet
    form: str

    @property
    def tasks(self) -> tuple[TaskColumns, ...]:
        """Return the columns of each task."""
        return columns_of(self.label_set)


def trained_model(folder: Path) -> ModelToMeasure:
    """Return the trained network of a folder.

    Raises:
        MissingDataError: The folder holds none.
    """
    trained = load_classifier(folder)
    scorer = NetworkScorer(trained.network, trained.windows)
    return ModelToMeasure(
        folder.name, scorer, trained.tokenizer, trained.windows, trained.label_set, "network"
    )


def exported_model(path: Path) -> tuple[ModelToMeasure, Calibration]:
    """Return the exported model of a manifest, and the calibration that stands there.

    Its category embeddings, which may have to be made anew, are not looked at.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged.
    """
    manifest = load_classification_manifest(path)
    weights = verified_weights(path, without_embeddings(manifest))
    session = open_session(weights, device="cpu", threads=1)
    windows = Windows(
        manifest.special_tokens, manifest.max_tokens, is_full=manifest.padding == "full"
    )
    tokenizer = load_tokenizer(path.parent / manifest.tokenizer_file)
    label_set = load_label_set(path.parent / manifest.label_set_file)
    calibration = Calibration(
        aggregation=manifest.aggregation,
        trials={},
        temperatures=manifest.temperatures,
        given_from=manifest.given_from,
        errors={},
        overlap_tokens=manifest.overlap_tokens,
        readings=manifest.readings,
        eval_avg_acc=manifest.eval_avg_acc,
    )
    scorer = GraphScorer(session, windows)
    model = ModelToMeasure(manifest.name, scorer, tokenizer, windows, label_set, manifest.precision)
    return model, calibration

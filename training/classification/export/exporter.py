"""The export of a trained classification model to ONNX, in fp32 and int8.

Both graphs are compared with their origin on windows of test calls; one that differs too much is
not installed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.classification.decoding import columns_of
from models.classification.manifest import FORMAT, ClassificationManifest
from models.onnx_session import open_session
from models.store.manifest import sha256_of, write_manifest
from schemas.errors import ModelIntegrityError
from training.classification.evaluation.answers import answer
from training.classification.evaluation.calibration import read_calibration
from training.classification.evaluation.scoring import GraphScorer, NetworkScorer
from training.classification.export.graph import trace
from training.classification.learning.history import read_record
from training.classification.learning.network import TASKS
from training.classification.learning.trained import LABEL_SET_NAME, load_classifier
from training.core.sampling import spread_evenly
from training.text.quantise import quantise
from training.text.tracing import encoder_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto

    from models.classification.label_set import LabelSet
    from training.classification.evaluation.calibration import Calibration
    from training.classification.learning.trained import TrainedClassifier

PARITY_WINDOWS = 1_000
MAX_FP32_DIFFERENCE = 1e-3  # of a logit: another library sums in another order
FP32_FOLDER = "fp32"


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to export.

    Attributes:
        name: Of the model; by default that of its recipe.
        least_agreement: Share of windows on which int8 must give every task the same labels.
        keep_fp32: Whether the fp32 graph is kept too, in a folder of its own.
    """

    name: str = ""
    least_agreement: float = 0.95
    keep_fp32: bool = False


class Parity(msgspec.Struct, frozen=True):
    """The difference of two forms of a model.

    Attributes:
        windows: Compared.
        label_agreement: Share for which each task is given the same labels, by task.
        largest_difference: Of the probabilities.
        mean_difference: Of the probabilities.
    """

    windows: int
    label_agreement: dict[str, float]
    largest_difference: float
    mean_difference: float


class Exported(msgspec.Struct, frozen=True):
    """An exported model.

    Attributes:
        manifest: Its path.
        size_bytes: Of graph, tokenizer and label set.
        int8: The int8 graph against the trained network.
    """

    manifest: Path
    size_bytes: int
    int8: Parity


def export_graph(
    folder: Path, out: Path, calls: Sequence[Sequence[int]], options: ExportOptions
) -> Exported:
    """Write the int8 graph of a trained model with its tokenizer, label set and manifest.

    Args:
        folder: Of the trained model, with its calibration.
        out: To write to.
        calls: Token ids of calls that it was not trained on, for the comparison.
        options: How to export.

    Raises:
        MissingDataError: The folder holds no trained model, or no calibration.
        ModelIntegrityError: A graph differs too much from its origin.
    """
    trained = load_classifier(folder)
    windows = [call[: trained.windows.room] for call in calls]
    windows = [windows[index] for index in spread_evenly(len(windows), PARITY_WINDOWS)]
    expected = NetworkScorer(trained.network, trained.windows).logits(windows)
    graph = trace(trained.network)
    out.mkdir(parents=True, exist_ok=True)
    export = _Export(trained, options)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as name:
        fp32 = export.save(graph, "fp32", Path(name) / "fp32")
        given = export.graph_logits(fp32, windows)
        if windows and np.abs(given - expected).max() > MAX_FP32_DIFFERENCE:
            raise ModelIntegrityError("the fp32 graph differs from its network: a fault of ours")
        int8 = export.save(quantise(graph, None), "int8, rows scales", Path(name) / "int8")
        parity = export.compare(expected, export.graph_logits(int8, windows))
        worst = min(parity.label_agreement.values())
        if worst < options.least_agreement:
            raise ModelIntegrityError(
                f"int8 gives the same labels on {worst:.1%} of {parity.windows} windows, at least "
                f"{options.least_agreement:.1%} are wanted"
            )
        if options.keep_fp32:
            _install(fp32, out / FP32_FOLDER, parity)
        return Exported(*_install(int8, out, parity), parity)


class _Export:
    """The files of one exported model.

    Args:
        trained: The model.
        options: With its name.
    """

    def __init__(self, trained: TrainedClassifier, options: ExportOptions) -> None:
        self._trained = trained
        self._record = read_record(trained.folder)
        self._calibration = read_calibration(trained.folder)
        self._name = options.name or str(self._record.recipe["name"])

    def save(self, graph: ModelProto, precision: str, folder: Path) -> Path:
        """Write graph, tokenizer, label set and manifest; return the manifest's path."""
        folder.mkdir()
        weights = folder / f"{self._name}.onnx"
        weights.write_bytes(graph.SerializeToString(deterministic=True))
        tokenizer = folder / f"{self._name}.tokenizer.json"
        tokenizer.write_text(self._trained.tokenizer.to_str(), encoding="utf-8")
        label_set = folder / f"{self._name}.labels.toml"
        label_set.write_bytes((self._trained.folder / LABEL_SET_NAME).read_bytes())
        manifest = self._manifest(precision, weights, tokenizer, label_set)
        return write_manifest(manifest, folder / f"{self._name}.json")

    def graph_logits(self, manifest: Path, windows: Sequence[Sequence[int]]) -> np.ndarray:
        """Return what an exported graph says."""
        session = open_session(manifest.with_suffix(".onnx"), device="cpu", threads=1)
        return GraphScorer(session, self._trained.windows).logits(windows)

    def compare(self, before: np.ndarray, after: np.ndarray) -> Parity:
        """Return the difference of two forms of the model's logits."""
        return compare(before, after, self._trained.label_set, self._calibration)

    def _manifest(
        self, precision: str, weights: Path, tokenizer: Path, label_set: Path
    ) -> ClassificationManifest:
        trained, calibration = self._trained, self._calibration
        windows = trained.windows
        return ClassificationManifest(
            name=self._name,
            format=FORMAT,
            file=weights.name,
            sha256=sha256_of(weights),
            other_files={each.name: sha256_of(each) for each in (tokenizer, label_set)},
            label_set_file=label_set.name,
            tokenizer_file=tokenizer.name,
            special_tokens=windows.special,
            tasks={task.name: task.names for task in trained.label_set.tasks},
            temperatures=calibration.temperatures,
            given_from=calibration.given_from,
            max_tokens=windows.max_tokens,
            overlap_tokens=calibration.overlap_tokens,
            readings=calibration.readings,
            aggregation=calibration.aggregation,
            padding="full" if windows.is_full else "bucket",
            precision=precision,
            encoder=encoder_settings(trained.network.config, without={TASKS}),
            eval_avg_acc=calibration.eval_avg_acc,
        )


def compare(
    before: np.ndarray, after: np.ndarray, label_set: LabelSet, calibration: Calibration
) -> Parity:
    """Return the difference of two forms of a model, by the answers that calls get.

    Args:
        before: Logits of the one, shape (windows, labels).
        after: Logits of the other.
        label_set: Of the labels: which belong together, and from which probability one holds.
        calibration: Temperatures, and from which probabilities labels are given.
    """
    tasks = columns_of(label_set)
    one, other = (
        answer(logits, np.zeros_like(logits), tasks, calibration, label_set)
        for logits in (before, after)
    )
    agreement, differences = {task.name: 1.0 for task in tasks}, [np.zeros(1)]
    for name, mine in one.items():
        same = (mine.answers.given == other[name].answers.given).all(axis=1)
        agreement[name] = round(float(same.mean()), 5)
        differences.append(np.abs(other[name].probabilities - mine.probabilities).ravel())
    every = np.concatenate(differences)
    return Parity(len(before), agreement, float(every.max()), float(every.mean()))


def _install(manifest: Path, folder: Path, parity: Parity) -> tuple[Path, int]:
    """Move a model's files to their folder, the manifest last; return it and their size."""
    about = msgspec.json.decode(manifest.read_bytes(), type=ClassificationManifest)
    agreement = {
        "windows": float(parity.windows),
        **{f"{task}_agreement": share for task, share in parity.label_agreement.items()},
        "largest_difference": round(parity.largest_difference, 5),
        "mean_difference": round(parity.mean_difference, 6),
    }
    about = msgspec.structs.replace(about, agreement=agreement)
    folder.mkdir(parents=True, exist_ok=True)
    files = [manifest.with_name(name) for name in (*about.other_files, about.file)]
    size = sum(file.stat().st_size for file in files)
    for file in files:
        file.replace(folder / file.name)
    return write_manifest(about, folder / manifest.name), size

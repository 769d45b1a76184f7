"""Exporters by the files that they write, each imported when weights have to be exported."""

from importlib import import_module
from pathlib import Path
from typing import Literal

from models.asr.checkpoints.weights import SpeechWeights
from schemas.errors import MissingExtraError, ModelNotFoundError

ExportFormat = Literal["onnx", "ctranslate2"]

_EXPORTERS: dict[ExportFormat, str] = {
    "onnx": "models.asr.exporting.onnx_export",
    "ctranslate2": "models.asr.exporting.ctranslate2_export",
}


def export_on_demand(
    kind: ExportFormat, weights: SpeechWeights, precision: str, cache: Path
) -> Path:
    """Return the manifest of weights that were exported just now into the cache.

    Args:
        kind: Whose files.
        weights: To export.
        precision: Of the products with weights.
        cache: Folder of exported weights; made if it is not there.

    Raises:
        MissingExtraError: What reads or exports them is not installed.
        ModelNotFoundError: No such weights, or the cache cannot be written.
        ModelIntegrityError: Damaged weights.
    """
    try:
        exporter = import_module(_EXPORTERS[kind])
        manifest: Path = exporter.export_weights(weights, precision, cache)
    except MissingExtraError as error:
        raise MissingExtraError(f"{weights.source!r} has to be exported once: {error}") from error
    except OSError as error:
        raise ModelNotFoundError(
            f"{weights.source!r} has to be exported once, and {cache} cannot be written: {error}"
        ) from error
    return manifest

"""The model that a session starts from and is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from models.store.files import find_manifests
from models.store.layout import BUNDLED
from models.store.manifest import bundled_manifest
from models.store.numbered import champion_of
from schemas.errors import ModelNotFoundError
from training.classification.evaluation.calibration import CALIBRATION_NAME, read_calibration
from training.classification.evaluation.measured import exported_model, trained_model
from training.classification.learning.start import TASK
from training.classification.learning.trained import LABEL_SET_NAME

if TYPE_CHECKING:
    from models.classification.label_set import LabelSet
    from training.classification.evaluation.calibration import Calibration
    from training.classification.evaluation.measured import ModelToMeasure

NETWORK = "network"  # folder of the trained network in that of its version


class Champion(NamedTuple):
    """A model that answers calls now.

    Attributes:
        name: Of its version, or as the recipe names it.
        start: What a training starts from, as `NetworkRecipe.start` has it.
        manifest: Of the graph; None for a trained model that was never exported.
    """

    name: str
    start: str
    manifest: Path | None

    def measurable(self) -> tuple[ModelToMeasure, Calibration | None]:
        """Return the model in the form that serves, with its calibration.

        Raises:
            ModelNotFoundError: A file is missing.
            ModelIntegrityError: A file is damaged.
            MissingDataError: Likewise, of a trained model.
        """
        if self.manifest is not None:
            return exported_model(self.manifest)
        folder = Path(self.start).expanduser()
        is_calibrated = (folder / CALIBRATION_NAME).is_file()
        return trained_model(folder), read_calibration(folder) if is_calibrated else None


def find_champion(folder: Path, start: str, label_set: LabelSet) -> Champion | None:
    """Return the model to start from: the version that serves, else what the recipe names.

    Args:
        folder: Of the versions; need not exist.
        start: As `NetworkRecipe.start` has it; where it is empty, the first session starts from
            an encoder, and there is nothing to compare with.
        label_set: That is trained.

    Raises:
        ModelNotFoundError: The version, or what the recipe names, is not there.
        ModelIntegrityError: The aliases are damaged.
    """
    version = champion_of(folder)
    if version and find_manifests(folder / version):
        manifest = find_manifests(folder / version)[0]
        network = folder / version / NETWORK
        is_there = (network / LABEL_SET_NAME).is_file()
        return Champion(version, str(network if is_there else manifest), manifest)
    if version:
        raise ModelNotFoundError(f"the champion {folder / version} holds no model: promote another")
    if not start:
        return None
    path = bundled_manifest(TASK, label_set.name) if start == BUNDLED else Path(start).expanduser()
    return Champion(start, start, path if path.suffix == ".json" else None)

"""The probability that a speaker has finished, from the words alone, on ONNX Runtime.

The deterministic lane rests on it: a text's probability is the same to the last bit whatever other
texts are scored with it. So only texts of one length share a run (`models.text.encoder`), no row of
a product in a graph depends on another (`training.text.quantise`), and the last step is
taken for each text alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from models.onnx_session import open_session
from models.store.manifest import verified_weights
from models.text.encoder import load_tokenizer
from models.text.graph import TextGraph
from models.turns.inputs import TurnInputs
from models.turns.manifest import load_turn_manifest
from schemas.errors import InferenceError, ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnxruntime

    from models.turns.manifest import TurnManifest

PROBES = ("yes", "my number is oh seven", "thank you that is all i needed " * 40)


class TurnDetector:
    """One graph with its tokenizer; use `load`.

    Attributes:
        name: Name and version, as it appears in messages.
        variants: What `probabilities` can be asked for.
        languages: That it was trained on; none means any.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, inputs: TurnInputs, manifest: TurnManifest
    ) -> None:
        self.name = manifest.versioned_name
        self.variants = manifest.variants
        self.languages = manifest.languages
        self._graph = TextGraph(session, inputs)
        self._columns = {variant: column for column, variant in enumerate(manifest.variants)}

    @classmethod
    def load(cls, manifest_path: Path, *, threads: int = 1) -> Self:
        """Return the detector that a manifest describes, after trying it on a few texts.

        Args:
            manifest_path: Of `training.turns.export.exporter`.
            threads: For one run.

        Raises:
            ModelNotFoundError: A file is missing.
            ModelIntegrityError: A file is damaged, or does not do what the manifest says.
        """
        manifest = load_turn_manifest(manifest_path)
        weights = verified_weights(manifest_path, manifest)
        tokenizer = load_tokenizer(manifest_path.parent / manifest.tokenizer_file)
        session = open_session(weights, device="cpu", threads=threads)
        detector = cls(session, TurnInputs(tokenizer, manifest), manifest)
        try:
            detector._graph.probe(PROBES, (len(manifest.variants), 2))
        except ModelIntegrityError as error:
            raise ModelIntegrityError(f"{manifest_path}: {error}") from error
        return detector

    def probabilities(self, texts: Sequence[str], variants: Sequence[str]) -> list[float]:
        """Return for each text how probable it is that its speaker has finished.

        Long texts are judged by their end; a text without words gives 0.

        Args:
            texts: Any strings.
            variants: Which of `variants` judges each.

        Raises:
            InferenceError: A variant that the model does not have; or not one for each text.
        """
        if len(texts) != len(variants) or not self._columns.keys() >= set(variants):
            raise InferenceError(f"{self.name} wants one of {self.variants} for each text")
        found = [0.0] * len(texts)
        for index, logits in self._graph.logits(texts):
            incomplete, complete = logits[self._columns[variants[index]]].tolist()
            found[index] = probability_of(complete - incomplete)
        return found


def probability_of(logit: float) -> float:
    """Return the probability of a logit; by `math`, which takes one at a time."""
    if math.isnan(logit):
        return 0.0  # silence alone then ends the turn
    small = math.exp(-abs(logit))
    return 1.0 / (1.0 + small) if logit >= 0 else small / (1.0 + small)

"""The probability that a speaker has finished, from the words alone, on ONNX Runtime.

The deterministic lane rests on it: a text's probability is the same to the last bit whatever other
texts are scored with it. So texts of one length share a run (`inputs`), the graphs let no row of a
product see another (`training.turns.export.quantise`), and the last step is taken one by one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import numpy as np

from models.onnx_session import open_session
from models.registry import verified_weights
from models.turns.inputs import TurnInputs, load_tokenizer
from models.turns.manifest import load_turn_manifest
from schemas.errors import InferenceError, ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    import onnxruntime

    from models.turns.inputs import Feed
    from models.turns.manifest import TurnManifest

NAME_DIGITS = 8  # of the sha256
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
        self.name = f"{manifest.name}@{manifest.sha256.lower()[:NAME_DIGITS]}"
        self.variants = manifest.variants
        self.languages = manifest.languages
        self._session = session
        self._inputs = inputs
        self._columns = {variant: number for number, variant in enumerate(manifest.variants)}

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
        detector._probe(manifest_path)
        return detector

    def probabilities(self, texts: Sequence[str], variants: Sequence[str]) -> list[float]:
        """Return for each text how probable it is that its speaker has finished.

        Long texts are judged by their tail; a text without words gives 0.

        Args:
            texts: Any strings.
            variants: Which of `variants` judges each.

        Raises:
            InferenceError: A variant that the model does not have; or not one for each text.
        """
        if len(texts) != len(variants) or not self._columns.keys() >= set(variants):
            raise InferenceError(f"{self.name} wants one of {self.variants} for each text")
        found = [0.0] * len(texts)
        for numbers, feed in self._inputs.batches([self._inputs.tokens(text) for text in texts]):
            for number, logits in zip(numbers, self._logits(feed), strict=True):
                incomplete, complete = logits[self._columns[variants[number]]].tolist()
                found[number] = probability_of(complete - incomplete)
        return found

    def _logits(self, feed: Feed) -> npt.NDArray[np.float32]:
        """Return shape (texts, variants, 2)."""
        (logits,) = self._session.run(["logits"], feed)
        return logits  # type: ignore[no-any-return]

    def _probe(self, manifest_path: Path) -> None:
        """Run texts of several lengths and the ends of the vocabulary through the graph.

        Raises:
            ModelIntegrityError: It fails on one, or what comes out are no logits.
        """
        rows = [*map(self._inputs.tokens, PROBES), self._inputs.edge()]
        for _, feed in self._inputs.batches(rows):
            try:
                logits = self._logits(feed)
            except Exception as error:  # its own exceptions share no public base
                raise ModelIntegrityError(f"{manifest_path}: it cannot be run: {error}") from error
            wanted = (len(feed["input_ids"]), len(self.variants), 2)
            if logits.shape != wanted or not np.isfinite(logits).all():
                raise ModelIntegrityError(
                    f"{manifest_path}: it gives no finite logits of shape {wanted}, but "
                    f"{logits.shape}"
                )


def probability_of(logit: float) -> float:
    """Return the probability of a logit; by `math`, whose bits know no company."""
    if math.isnan(logit):
        return 0.0  # silence alone then ends the turn
    small = math.exp(-abs(logit))
    return 1.0 / (1.0 + small) if logit >= 0 else small / (1.0 + small)

"""Parity of an exported graph with its network, on texts that neither was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch

from models.turns.detector import TurnDetector, probability_of
from training.core.errors import MissingDataError
from training.turns.corpus.examples import read_examples, set_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from models.turns.inputs import TurnInputs
    from training.turns.corpus.examples import Split
    from training.turns.export.graph import MergedNetwork, TrainedModel

    Labels = npt.NDArray[np.bool_]
    FloatArray = npt.NDArray[np.float64]

EVEN = 0.5
Samples = dict[str, list[tuple[str, bool]]]  # by variant: texts, and whether each is complete
Probabilities = dict[str, list[float]]  # by variant, in the order of its texts


class Parity(msgspec.Struct, frozen=True):
    """The difference of two forms of one variant.

    Attributes:
        texts: Compared.
        label_agreement: Share on which both are on the same side of 0.5.
        mean_difference: Of the probabilities.
        largest_difference: Of the probabilities.
        accuracy_before: Of the first form.
        accuracy: Of the second form.
    """

    texts: int
    label_agreement: float
    mean_difference: float
    largest_difference: float
    accuracy_before: float
    accuracy: float


def read_samples(models: Sequence[TrainedModel], work: Path, split: Split, most: int) -> Samples:
    """Return examples of each model's own set, spread over its file.

    Raises:
        MissingDataError: A set has none.
    """
    samples: Samples = {}
    for model in models:
        path = set_path(work, model.set_name, split)
        examples = read_examples(path)
        if not examples:
            raise MissingDataError(f"{path} is empty: the export compares on its texts")
        step = max(1, len(examples) // most)
        samples[model.variant] = [
            (each.text if model.text_form == "spoken" else each.written, each.is_complete)
            for each in examples[::step][:most]
        ]
    return samples


def judge_by_network(network: MergedNetwork, inputs: TurnInputs, samples: Samples) -> Probabilities:
    """Return the probabilities of the trained network."""
    found = {}
    for column, (variant, texts) in enumerate(samples.items()):
        probabilities = [0.0] * len(texts)
        for numbers, feed in inputs.batches([inputs.tokens(text) for text, _ in texts]):
            with torch.inference_mode():
                logits = network(**{name: torch.from_numpy(ids) for name, ids in feed.items()})
            for number, (incomplete, complete) in zip(
                numbers, logits[:, column].tolist(), strict=True
            ):
                probabilities[number] = probability_of(complete - incomplete)
        found[variant] = probabilities
    return found


def judge_by_graph(manifest: Path, samples: Samples) -> Probabilities:
    """Return the probabilities of the live path."""
    detector = TurnDetector.load(manifest)
    return {
        variant: detector.probabilities([text for text, _ in texts], [variant] * len(texts))
        for variant, texts in samples.items()
    }


def compare(
    samples: Samples, before: Mapping[str, list[float]], after: Mapping[str, list[float]]
) -> dict[str, Parity]:
    """Return for each variant the difference of the second form from the first."""
    return {
        variant: _compare(
            np.array([is_complete for _, is_complete in texts]),
            np.array(before[variant]),
            np.array(after[variant]),
        )
        for variant, texts in samples.items()
    }


def _compare(truth: Labels, before: FloatArray, after: FloatArray) -> Parity:
    difference = np.abs(after - before)
    return Parity(
        texts=len(truth),
        label_agreement=float(np.mean((before >= EVEN) == (after >= EVEN))),
        mean_difference=float(difference.mean()),
        largest_difference=float(difference.max()),
        accuracy_before=float(np.mean((before >= EVEN) == truth)),
        accuracy=float(np.mean((after >= EVEN) == truth)),
    )

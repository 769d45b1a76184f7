"""The folder of a trained classification model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer

from models.classification.label_set import FOLDER, bundled_label_sets, load_label_set
from training.classification.learning.inputs import Windows
from training.classification.learning.network import MultiTaskClassifier
from training.core.errors import MissingDataError, RecipeError
from training.text.encoder_base import WEIGHTS_NAME, needs_full_padding
from training.text.tracing import special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from models.classification.label_set import LabelSet

LABEL_SET_NAME = "label_set.toml"


@dataclass(frozen=True)
class TrainedClassifier:
    """A trained model, read from its folder.

    Attributes:
        network: In evaluation mode.
        tokenizer: With neither padding nor truncation.
        windows: How inputs are made, with the longest window that it learnt from.
        label_set: That it was trained on.
        folder: That it lies in.
    """

    network: MultiTaskClassifier
    tokenizer: Tokenizer
    windows: Windows
    label_set: LabelSet
    folder: Path


def save_classifier(
    network: MultiTaskClassifier,
    tokenizer: PreTrainedTokenizerBase,
    label_set_text: str,
    folder: Path,
) -> None:
    """Write configuration, weights, tokenizer and label set into a folder.

    Args:
        network: With ``max_window_tokens`` in its configuration.
        tokenizer: Of the encoder.
        label_set_text: The label set's file.
        folder: To write to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / LABEL_SET_NAME).write_text(label_set_text, encoding="utf-8")
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_NAME, metadata={"format": "pt"})


def load_classifier(folder: Path) -> TrainedClassifier:
    """Return the trained model of a folder.

    Raises:
        MissingDataError: The folder holds none.
        ConfigurationError: Its label set is not valid.
    """
    if not (folder / WEIGHTS_NAME).is_file() or not (folder / LABEL_SET_NAME).is_file():
        raise MissingDataError(
            f"{folder} holds no trained model: `callstream train classification` writes one"
        )
    config = AutoConfig.from_pretrained(folder)
    try:
        network = MultiTaskClassifier(config)
        network.load_state_dict(load_file(folder / WEIGHTS_NAME))
    except (RuntimeError, AttributeError) as error:
        raise MissingDataError(f"{folder} holds no classification model: {error}") from error
    network.train(False)
    fast = AutoTokenizer.from_pretrained(folder)
    tokenizer = bare_tokenizer(fast)
    return TrainedClassifier(
        network,
        tokenizer,
        window_inputs(tokenizer, int(fast.pad_token_id or 0), config),
        load_label_set(folder / LABEL_SET_NAME),
        folder,
    )


def bare_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """Return a copy of a tokenizer with neither padding nor truncation.

    Raises:
        RecipeError: It is none of the fast ones, which the live path reads.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise RecipeError("base.model: an encoder with a tokenizer.json is wanted")
    bare = Tokenizer.from_str(backend.to_str())
    bare.no_padding()
    bare.no_truncation()
    return bare


def label_set_text(source: str) -> str:
    """Return the content of a label set's file, by its name or path."""
    path = FOLDER / f"{source}.toml" if source in bundled_label_sets() else Path(source)
    return path.read_text("utf-8")


def window_inputs(tokenizer: Tokenizer, padding: int, config: PreTrainedConfig) -> Windows:
    """Return how windows are made into inputs of a network."""
    return Windows(
        special_tokens(tokenizer, padding),
        config.max_window_tokens,
        is_full=needs_full_padding(config),
    )

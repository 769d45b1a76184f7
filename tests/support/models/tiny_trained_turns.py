"""Small random networks for ends of turns: encoders, trained folders, exports, a recipe.

All are made within a second, on the vocabulary of `tiny_turns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    BertConfig,
    BertModel,
    MobileBertConfig,
    MobileBertModel,
    PreTrainedTokenizerFast,
)

from tests.support.models.tiny_turns import PIECES, WORDS, tiny_tokenizer
from tests.support.models.turn_sources import small_recipe, write_sgd, write_taskmaster
from training.core.transformers_output import without_remarks
from training.turns.corpus.examples import Example, set_path, write_examples
from training.turns.export.exporter import ExportOptions, export_models
from training.turns.learning.classifier import TurnClassifier, save_classifier
from training.turns.learning.recipe import BaseRecipe, HeadLearning, ModelRecipe, Optimisation
from training.turns.recipe import EvaluationRecipe, LearningCurve, TurnRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedConfig, PreTrainedModel

NAME = "tiny-turns"
SPECIAL_TOKENS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
QUANTISED_WIDTH = 64  # matrices of this are just large enough to be quantised
_FAST = HeadLearning(epochs=2, batch=16, learning_rate=3e-3, checkpoint_steps=3)


def word_pieces() -> PreTrainedTokenizerFast:
    """Return the tokenizer of tiny models as a trained folder has it."""
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tiny_tokenizer(), model_max_length=64, **SPECIAL_TOKENS
    )


def bert_config(*, width: int = QUANTISED_WIDTH, positions: int = 128) -> BertConfig:
    """Return a BERT of two layers."""
    return BertConfig(
        vocab_size=len(PIECES),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=positions,
        initializer_range=0.2,
    )


def mobilebert_config(*, width: int = QUANTISED_WIDTH) -> MobileBertConfig:
    """Return a MobileBERT of two layers, as google/mobilebert-uncased but for its sizes."""
    return MobileBertConfig(
        vocab_size=len(PIECES),
        hidden_size=width,
        embedding_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=width,
        intra_bottleneck_size=width,
        num_feedforward_networks=2,
        max_position_embeddings=128,
        classifier_activation=False,
    )


def write_encoder(folder: Path) -> Path:
    """Write an untrained BERT with its tokenizer."""
    return _write(BertModel, bert_config(width=16, positions=64), folder)


def write_mobilebert(folder: Path) -> Path:
    """Write an untrained MobileBERT with its tokenizer."""
    return _write(MobileBertModel, mobilebert_config(width=32), folder)


def _write(kind: type[PreTrainedModel], config: PreTrainedConfig, folder: Path) -> Path:
    with torch.random.fork_rng(devices=[]), without_remarks():
        torch.manual_seed(1)
        kind(config).save_pretrained(folder)
    word_pieces().save_pretrained(folder)
    return folder


def save_trained(
    folders: Sequence[Path], config: PreTrainedConfig, *, seed: int = 0, is_shared: bool = True
) -> None:
    """Write random models; their encoders are the same but for the pooler, or all differ."""
    torch.manual_seed(seed)
    encoder = TurnClassifier(config).encoder.state_dict()
    kept = {name: value for name, value in encoder.items() if not name.startswith("pooler.")}
    for folder in folders:
        model = TurnClassifier(config)
        if is_shared:
            model.encoder.load_state_dict(kept, strict=False)
        torch.nn.init.normal_(model.classifier.weight, std=0.5)
        save_classifier(model, word_pieces(), folder)


def save_examples(work: Path, sets: Sequence[str]) -> None:
    """Write a few prepared examples for each set."""
    for name in sets:
        for split in ("train", "test"):
            examples = [
                Example(
                    text=(text := " ".join(WORDS[(n * step) % len(WORDS)] for n in range(1 + n))),
                    written=f"{text.capitalize()}.",
                    is_complete=bool(n % 2),
                    source="tiny",
                    conversation=f"{name}/{n}/{step}",
                )
                for n in range(12)
                for step in (1, 3)
            ]
            write_examples(set_path(work, name, split), examples)


def export_tiny(  # the options are those of a real export
    folder: Path,
    variants: Sequence[str] = ("general", "customer"),
    *,
    seed: int = 0,
    config: PreTrainedConfig | None = None,
    name: str = NAME,
) -> Path:
    """Return the manifest of a fresh random model, in int8, that lies in ``folder``."""
    work = folder / "work"
    save_trained([work / "models" / each for each in variants], config or bert_config(), seed=seed)
    save_examples(work, variants)
    options = ExportOptions(name=name, least_agreement=0.5)
    (exported,) = export_models(
        [work / "models" / each for each in variants], folder / "export", work, options
    )
    return exported.manifest


def write_dialogues(data: Path) -> Path:
    """Write the sources of ``tiny_recipe``."""
    write_sgd(data)
    write_taskmaster(data)
    return data


def tiny_recipe(encoder: Path, **changes: Any) -> TurnRecipe:
    """Return an experiment with a shared encoder, a head, and models by themselves."""
    settings: dict[str, Any] = {
        "name": "tiny",
        "seed": 5,
        "data": small_recipe(),
        "base": BaseRecipe(model=str(encoder), layers=1, vocabulary=160, positions=48),
        "optimisation": Optimisation(
            epochs=2, batch=16, learning_rate=3e-3, checkpoint_steps=3, max_length=40
        ),
        "head": _FAST,
        "models": (
            ModelRecipe("multi"),
            ModelRecipe("general", start_from="multi", train="head"),
            ModelRecipe("general_alone", set="general"),
            ModelRecipe("general_written", set="general", text="written"),
        ),
        "learning_curve": LearningCurve("general", (40,)),
        "evaluation": EvaluationRecipe(sets=("general", "domain")),
    }
    return TurnRecipe(**(settings | changes))

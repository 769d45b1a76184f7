"""A tiny encoder, tiny data and a recipe that trains in a second."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    MobileBertConfig,
    MobileBertModel,
    PreTrainedTokenizerFast,
)

from tests.unit.training.turns.turn_sources import small_recipe, write_sgd, write_taskmaster
from training.turns.quiet import quiet_transformers
from training.turns.recipe import (
    BaseRecipe,
    EvaluationRecipe,
    HeadLearning,
    LearningCurve,
    ModelRecipe,
    Optimisation,
    TurnRecipe,
)

if TYPE_CHECKING:
    from pathlib import Path

_UNKNOWN = "[UNK]"
_SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": _UNKNOWN,
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_WORDS = "this is please my number today tomorrow on monday next week in the morning at noon"
_FAST = HeadLearning(epochs=2, batch=16, learning_rate=3e-3, checkpoint_steps=3)


def word_pieces() -> PreTrainedTokenizerFast:
    """Return a tokenizer of characters and of some words."""
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [
        "[PAD]",
        *_WORDS.split(),
        *_SPECIAL.values(),
        *characters,
        *(f"##{one}" for one in characters),
    ]
    ids = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=64,
        **_SPECIAL,
    )


def write_encoder(folder: Path) -> Path:
    """Write an untrained BERT of two layers with its tokenizer."""
    tokenizer = word_pieces()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(1)
        BertModel(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder)
    return folder


def write_mobilebert(folder: Path) -> Path:
    """Write an untrained MobileBERT of two layers with its tokenizer."""
    tokenizer = word_pieces()
    config = mobilebert_config(pieces=len(tokenizer))
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(1)
        MobileBertModel(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder)
    return folder


def mobilebert_config(*, pieces: int = 50) -> MobileBertConfig:
    """Return the shape of a tiny MobileBERT."""
    return MobileBertConfig(
        vocab_size=pieces,
        embedding_size=16,
        intra_bottleneck_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_size=32,
        classifier_activation=False,  # as google/mobilebert-uncased
    )


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

"""Small random end-of-turn models, trained folders and their exports, made within a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, MobileBertConfig, PreTrainedTokenizerFast

from training.turns.classifier import TurnClassifier, save_classifier
from training.turns.corpus.examples import Example, set_path, write_examples
from training.turns.export.exporter import ExportOptions, export_turns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedConfig

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    *("i", "my", "is", "the", "number", "phone", "seven", "oh"),
    *("thank", "you", "that", "all", "yes", "no", "please", "need", "um"),
)
PIECES = (*SPECIAL, *WORDS, *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnop"))
VOCABULARY = 80
NAME = "tiny-turns"


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return a WordPiece tokenizer over a few words and letters."""
    pieces = {piece: number for number, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))  # noqa: S106, a piece
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",  # noqa: S106, a piece
        unk_token="[UNK]",  # noqa: S106, a piece
        cls_token="[CLS]",  # noqa: S106, a piece
        sep_token="[SEP]",  # noqa: S106, a piece
    )


def bert_config() -> BertConfig:
    """Return a BERT whose matrices are just large enough to be quantised."""
    return BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        initializer_range=0.2,
    )


def mobile_bert_config() -> MobileBertConfig:
    """Return a MobileBERT of the usual structure, small."""
    return MobileBertConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        embedding_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=128,
        intra_bottleneck_size=64,
        num_feedforward_networks=2,
        max_position_embeddings=128,
    )


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
        save_classifier(model, tiny_tokenizer(), folder)


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
    (exported,) = export_turns(
        [work / "models" / each for each in variants], folder / "export", work, options
    )
    return exported.manifest

"""What the manifest of an end-of-turn model promises."""

from pathlib import Path
from typing import Literal

import msgspec

from models.store.layout import ModelKind
from models.store.manifest import WeightsManifest, load_manifest
from models.text.encoder import EncoderSetting, Padding, SpecialTokens
from schemas.errors import ModelIntegrityError

FORMAT = "callstream-turns-onnx"
MAX_TOKENS = 128
SHORTEST, LONGEST = 8, 512  # that max_tokens may be
TURN_MODELS = ModelKind(
    title="end-of-turn model",
    bundled="turns",
    hint="give a folder or a manifest that `callstream train turns-export` wrote, or 'bundled'",
)
GENERAL = "general"  # the variant for calls that no route fits


class TurnManifest(WeightsManifest, frozen=True, kw_only=True):
    """What stands beside the graph of an end-of-turn model; ``file`` is the graph.

    Attributes:
        tokenizer_file: One of ``other_files``, as the package ``tokenizers`` reads it.
        special_tokens: Their ids.
        variants: What the graph's output holds for each text, in this order: one pair of logits
            (incomplete, complete) for each.
        languages: BCP 47 codes of the languages it was trained on; none means any.
        max_tokens: Longest input, special tokens included; longer texts keep their tail.
        padding: ``bucket``: to the next of a few lengths. ``full``: always to ``max_tokens``, for
            bases whose output depends on padding.
        text_form: ``spoken``: as `spoken_form` writes it; ``written``: as it comes.
        precision: Of the products with weights.
        encoder: The configuration of the encoder, as transformers names its settings: what a
            training that starts from the graph needs beyond it. Empty in older exports.
        source_sha256: Of each variant's ``model.safetensors``.
        agreement: What the export measured against the trained model.
    """

    tokenizer_file: str
    special_tokens: SpecialTokens
    variants: tuple[str, ...]
    languages: tuple[str, ...] = ()
    max_tokens: int = MAX_TOKENS
    padding: Padding = "bucket"
    text_form: Literal["spoken", "written"] = "spoken"
    precision: str = "fp32"
    encoder: dict[str, EncoderSetting] = msgspec.field(default_factory=dict)
    source_sha256: dict[str, str] = msgspec.field(default_factory=dict)
    agreement: dict[str, float] = msgspec.field(default_factory=dict)


def load_turn_manifest(path: Path) -> TurnManifest:
    """Return a manifest whose fields agree with one another.

    Raises:
        ModelNotFoundError: No file there.
        ModelIntegrityError: Not the manifest of an end-of-turn model.
    """
    manifest = load_manifest(path, TurnManifest)
    problems = (
        (manifest.format != FORMAT, f"format {manifest.format!r}, not {FORMAT!r}"),
        (not manifest.variants, "it names no variants"),
        (len(set(manifest.variants)) < len(manifest.variants), "it names a variant twice"),
        (manifest.tokenizer_file not in manifest.other_files, "its tokenizer has no sha256"),
        (not SHORTEST <= manifest.max_tokens <= LONGEST, f"max_tokens {manifest.max_tokens}"),
    )
    for is_wrong, reason in problems:
        if is_wrong:
            raise ModelIntegrityError(f"{path}: {reason}")
    return manifest

"""A fine-tuned network as files: for openai-whisper, for transformers, or as adapters of PEFT."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from models.asr.checkpoints.hugging_face import hugging_face_state, openai_state
from models.asr.checkpoints.weights import FORMAT, HUGGING_FACE_FILE
from models.store.manifest import sha256_of
from training.asr.finetuning.base import BaseWeights, load_base
from training.asr.finetuning.folder import generation_config, write_processor
from training.asr.finetuning.network import build_network
from training.asr.whisper.tokenizers import openai_tokenizer
from training.asr.whisper.vocabulary import TOKEN_EMBEDDING, whole_embedding
from training.core.checkpoints import write_checkpoint
from training.core.errors import RecipeError
from training.core.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from training.asr.finetuning.recipe import Output
    from training.asr.finetuning.tuner import Tuner


def write_tuned(tuner: Tuner, base: BaseWeights, settings: Output, target: Path) -> Path:
    """Write the tuned weights and return the file or folder.

    Args:
        tuner: Its adapters, if any, are merged into the network, which ends its training.
        base: The weights it began with; their manifest says how the encoder's context is cut.
        settings: The format.
        target: Without the suffix of a file.
    """
    if settings.adapter == "separate":
        tuner.adapters.save_pretrained(target)
        write_processor(base, target)
        return target
    network: Any = tuner.adapters.merge_and_unload() if tuner.adapters else tuner.network
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    tensors, _ = openai_state(state, network.config.to_dict())
    return write_weights(tensors, base, settings, target)


def convert_weights(source: str, settings: Output, target: Path) -> Path:
    """Write weights in another format and return the file or folder.

    Args:
        source: A name of openai-whisper, a ``.pt`` file or a Hugging Face folder.
        settings: The format.
        target: Without the suffix of a file.

    Raises:
        RecipeError: The format cannot say how the weights want their audio.
    """
    base = load_base(source)
    check_context(base, settings)
    return write_weights(base.tensors, base, settings, target)


def check_context(base: BaseWeights, settings: Output) -> None:
    """Make sure that a format says how the encoder's context is cut.

    Raises:
        RecipeError: It does not.
    """
    if settings.format == "huggingface" and base.manifest.encoder_context == "cut":
        raise RecipeError(
            "format 'huggingface': transformers pads every clip to 30 s, so that weights "
            "trained with a cut context need format 'openai', whose manifest says so"
        )


def write_weights(
    tensors: Mapping[str, Tensor], base: BaseWeights, settings: Output, target: Path
) -> Path:
    """Write tensors under openai-whisper's names in a format, and return the file or folder.

    Args:
        tensors: Of the base's shapes; a vocabulary of which only a part is in use is made whole.
        base: Sizes, manifest, and the tokenizer of a Hugging Face folder.
        settings: Format and precision.
        target: Without the suffix of a file.
    """
    dtype = torch.float16 if settings.precision == "fp16" else torch.float32
    whole = {**tensors, TOKEN_EMBEDDING: _whole_vocabulary(tensors[TOKEN_EMBEDDING], base)}
    cast = {name: tensor.to(dtype).contiguous() for name, tensor in whole.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    if settings.format == "openai":
        return _write_openai(cast, base, target)
    return _write_folder(cast, base, target)


def _write_openai(tensors: dict[str, Tensor], base: BaseWeights, target: Path) -> Path:
    path = target.with_name(f"{target.name}.pt")
    write_checkpoint({"dims": base.dims, "model_state_dict": tensors}, path)
    manifest = msgspec.structs.replace(
        base.manifest,
        name=target.name,
        format=FORMAT,
        file=path.name,
        sha256=sha256_of(path),
        other_files={},
        alignment_heads=base.checkpoint.alignment_heads,
    )
    write_json(target.with_name(f"{target.name}.json"), manifest)
    return path


def _write_folder(tensors: dict[str, Tensor], base: BaseWeights, folder: Path) -> Path:
    named, config = hugging_face_state(tensors, base.dims)
    network: Any = build_network(named, config)
    network = network.to(tensors[TOKEN_EMBEDDING].dtype)
    network.generation_config = generation_config(base)
    network.save_pretrained(folder)
    if base.folder:
        _keep_settings(base.folder / HUGGING_FACE_FILE, folder / HUGGING_FACE_FILE)
    write_processor(base, folder)
    return folder


def _whole_vocabulary(embedding: Tensor, base: BaseWeights) -> Tensor:
    """Return the embedding of every token; one that is not in use is never decoded."""
    if not base.is_cut:
        return embedding
    return whole_embedding(embedding, _openai_numbers(base), size=base.dims["n_vocab"])


def _openai_numbers(base: BaseWeights) -> list[int]:
    """Return openai-whisper's number of every token of the output layer."""
    tokenizer, tokens = openai_tokenizer(base.dims["n_vocab"]), base.tokens
    numbers: dict[bytes, int] = tokenizer.encoding._mergeable_ranks  # noqa: SLF001
    special = {
        tokens.end_of_text: tokenizer.eot,
        tokens.start: tokenizer.sot,
        tokens.start_of_previous: tokenizer.sot_prev,
        tokens.no_speech: tokenizer.no_speech,
        tokens.no_timestamps: tokenizer.no_timestamps,
    }
    return [
        special[number] if number in special else numbers[piece]
        for number, piece in enumerate(tokens.pieces)
    ]


def _keep_settings(before: Path, written: Path) -> None:
    """Put the base's own settings, apart from its precision, into the configuration."""
    kept = json.loads(before.read_bytes())
    new = json.loads(written.read_bytes())
    kept = {name: value for name, value in kept.items() if name not in {"torch_dtype", "dtype"}}
    changed = {name: new[name] for name in ("dtype", "transformers_version") if name in new}
    write_json(written, new | kept | changed)

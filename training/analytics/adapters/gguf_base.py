"""The model of a GGUF file as a folder of Hugging Face."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from schemas.errors import ConfigurationError, ModelNotFoundError
from training.analytics.adapters.hugging_face_model import refuse_existing

if TYPE_CHECKING:
    from pathlib import Path


def write_hugging_face(gguf: Path, out: Path) -> None:
    """Write the model and the tokenizer of a GGUF file as a folder of Hugging Face, in fp32.

    Raises:
        ModelNotFoundError: There is no such file.
        ConfigurationError: transformers cannot read it, or ``out`` is there.
    """
    if not gguf.is_file():
        raise ModelNotFoundError(f"no file {gguf}")
    refuse_existing(out)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ConfigurationError(f"transformers cannot read {gguf}: {error}") from error
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.hf_quantizer = None  # the weights are dequantised, but it refuses to write them
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    partial.rename(out)

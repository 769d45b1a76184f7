"""Whisper checkpoints as other projects write them: CTranslate2's and Hugging Face's folders."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import ml_dtypes
import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from transformers.convert_slow_tokenizer import bytes_to_unicode
from whisper.model import Whisper

from models.asr.checkpoints.hugging_face import hugging_face_state
from models.asr.checkpoints.openai import official_tokenizer

Quantization = Literal["float32", "float16", "bfloat16", "int8", "int8_float16", "int16"]
VocabularyForm = Literal["vocabulary.json", "vocabulary.txt", "tokenizer.json", "vocab.json"]
Arrays = dict[str, npt.NDArray[Any]]

FLOATS: dict[str, Any] = {
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}
TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")
BINARY_VERSION = 6
REVISION = 3


def tensors_of(model: Whisper) -> Arrays:
    """Return the parameters under openai-whisper's names."""
    state = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    return {name: array for name, array in state.items() if name != "alignment_heads"}


def token_names(size: int) -> list[str]:
    """Return the tokens of openai-whisper's vocabulary as GPT-2 writes their bytes."""
    tokenizer = official_tokenizer(size)
    special = {number: name for name, number in tokenizer.special_tokens.items()}
    characters: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call]
    return [
        special.get(number)
        or "".join(characters[byte] for byte in tokenizer.encoding.decode_bytes([number]))
        for number in range(size)
    ]


def write_vocabulary(folder: Path, size: int, form: VocabularyForm) -> None:
    """Write openai-whisper's vocabulary in one of the forms that come with weights."""
    names = token_names(size)
    numbers = {name: number for number, name in enumerate(names)}
    end = names.index("<|endoftext|>")
    added = {name: number for name, number in numbers.items() if number >= end}
    plain = {name: number for name, number in numbers.items() if number < end}
    if form == "vocabulary.json":
        (folder / form).write_text(json.dumps(names))
    elif form == "vocabulary.txt":
        (folder / form).write_text("".join(f"{name}\n" for name in names), "utf-8")
    elif form == "vocab.json":
        (folder / form).write_text(json.dumps(plain))
        (folder / "added_tokens.json").write_text(json.dumps(added))
    else:
        tokens = [{"id": number, "content": name} for name, number in added.items()]
        content = {"model": {"vocab": plain}, "added_tokens": tokens}
        (folder / form).write_text(json.dumps(content))


def write_hugging_face(
    folder: Path, model: Whisper, kind: str = "float32", form: VocabularyForm = "tokenizer.json"
) -> Path:
    """Write a folder of Hugging Face."""
    folder.mkdir()
    tensors, config = hugging_face_state(tensors_of(model), asdict(model.dims))
    stored = {name: array.astype(FLOATS[kind]) for name, array in tensors.items()}
    save_file(stored, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"alignment_heads": [[1, 0]]}))
    write_vocabulary(folder, model.dims.n_vocab, form)
    return folder


def write_ctranslate2(
    folder: Path,
    model: Whisper,
    kind: Quantization = "float16",
    form: VocabularyForm = "vocabulary.json",
) -> Path:
    """Write a folder of CTranslate2, as faster-whisper's are."""
    folder.mkdir()
    arrays = quantized(ctranslate2_arrays(model), kind)
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
    (folder / "model.bin").write_bytes(ctranslate2_bytes(arrays, aliases))
    (folder / "config.json").write_text(json.dumps({"alignment_heads": [[1, 0]]}))
    write_vocabulary(folder, model.dims.n_vocab, form)
    return folder


def ctranslate2_arrays(model: Whisper) -> Arrays:
    """Return the parameters under CTranslate2's names, in fp32, and the settings."""
    tensors, dims = tensors_of(model), model.dims
    arrays: Arrays = {
        "encoder/num_heads": np.array(dims.n_audio_head, np.int16),
        "decoder/num_heads": np.array(dims.n_text_head, np.int16),
        "decoder/activation": np.array(3, np.int8),
        "decoder/pre_norm": np.array(1, np.int8),
        "decoder/scale_embeddings": np.array(0, np.int8),
        "decoder/alibi": np.array(0, np.int8),
        "decoder/embeddings/weight": tensors["decoder.token_embedding.weight"],
    }
    for side, norm, layers in (
        ("encoder", "ln_post", dims.n_audio_layer),
        ("decoder", "ln", dims.n_text_layer),
    ):
        encodings = tensors[f"{side}.positional_embedding"]
        arrays[f"{side}/position_encodings/encodings"] = encodings
        arrays.update(_norm(tensors, f"{side}.{norm}", f"{side}/layer_norm"))
        for layer in range(layers):
            arrays.update(_block(tensors, f"{side}.blocks.{layer}", f"{side}/layer_{layer}"))
    for name in ("conv1", "conv2"):
        arrays.update(_linear(tensors, [f"encoder.{name}"], f"encoder/{name}"))
    return arrays


def _block(tensors: Arrays, ours: str, theirs: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    attention = f"{theirs}/self_attention"
    parts = [f"{ours}.attn.{part}" for part in ("query", "key", "value")]
    yield from _norm(tensors, f"{ours}.attn_ln", f"{attention}/layer_norm")
    yield from _linear(tensors, parts, f"{attention}/linear_0")
    yield from _linear(tensors, [f"{ours}.attn.out"], f"{attention}/linear_1")
    yield from _norm(tensors, f"{ours}.mlp_ln", f"{theirs}/ffn/layer_norm")
    yield from _linear(tensors, [f"{ours}.mlp.0"], f"{theirs}/ffn/linear_0")
    yield from _linear(tensors, [f"{ours}.mlp.2"], f"{theirs}/ffn/linear_1")
    if f"{ours}.cross_attn.query.weight" in tensors:
        cross, key_value = f"{ours}.cross_attn", ("key", "value")
        yield from _norm(tensors, f"{ours}.cross_attn_ln", f"{theirs}/attention/layer_norm")
        yield from _linear(tensors, [f"{cross}.query"], f"{theirs}/attention/linear_0")
        both = [f"{cross}.{part}" for part in key_value]
        yield from _linear(tensors, both, f"{theirs}/attention/linear_1")
        yield from _linear(tensors, [f"{cross}.out"], f"{theirs}/attention/linear_2")


def _norm(tensors: Arrays, ours: str, theirs: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    yield f"{theirs}/gamma", tensors[f"{ours}.weight"]
    yield f"{theirs}/beta", tensors[f"{ours}.bias"]


def _linear(
    tensors: Arrays, ours: list[str], theirs: str
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    weights = [tensors[f"{name}.weight"] for name in ours]
    yield f"{theirs}/weight", np.concatenate(weights)
    biases = [
        tensors.get(f"{name}.bias", np.zeros(len(weight), np.float32))
        for name, weight in zip(ours, weights, strict=True)
    ]
    yield f"{theirs}/bias", np.concatenate(biases)


def quantized(arrays: Arrays, kind: Quantization) -> Arrays:
    """Return arrays as CTranslate2 keeps them in a precision."""
    whole, _, rest = kind.partition("_")
    floats = FLOATS[rest or (kind if kind in FLOATS else "float32")]
    stored: Arrays = {}
    for name, array in arrays.items():
        if not array.ndim:
            stored[name] = array
        elif name.endswith("/weight") and whole == "int8":
            rows = array.reshape(len(array), -1)
            scale = (127 / np.maximum(np.abs(rows).max(axis=1), 1e-9)).astype(np.float32)
            stored[f"{name}_scale"] = scale
            stored[name] = np.rint(rows * scale[:, None]).astype(np.int8).reshape(array.shape)
        elif name.endswith("/weight") and whole == "int16":
            scale = np.asarray(2**10 / np.abs(array).max(), np.float32)
            stored[f"{name}_scale"] = scale
            stored[name] = np.rint(array * scale).astype(np.int16)
        else:
            stored[name] = array.astype(floats)
    return stored


def ctranslate2_bytes(
    arrays: Arrays,
    aliases: Mapping[str, str],
    *,
    version: int = BINARY_VERSION,
    specification: str = "WhisperSpec",
    revision: int = REVISION,
) -> bytes:
    """Return the content of a ``model.bin``."""
    parts = [struct.pack("<I", version), _text(specification), struct.pack("<I", revision)]
    parts.append(struct.pack("<I", len(arrays)))
    for name, array in sorted(arrays.items()):
        sizes = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        parts += [_text(name), sizes, struct.pack("<BI", _type(array), array.nbytes)]
        parts.append(array.tobytes())
    parts.append(struct.pack("<I", len(aliases)))
    parts += [_text(name) for pair in aliases.items() for name in pair]
    return b"".join(parts)


def _type(array: npt.NDArray[Any]) -> int:
    return TYPES.index(array.dtype.name)


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

"""Whole models as GGUF files: copied with an adapter added, or in another precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from models.extras.gguf import gguf
from models.store.gguf_file import open_gguf, read_field
from schemas.errors import ConfigurationError
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import gguf_name, reorder_rows
from training.analytics.adapters.lora import MATRIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from training.analytics.adapters.bases import BaseShape
    from training.analytics.adapters.lora import FloatArray, LoraAdapter

Quantisation = Literal["same", "Q8_0", "Q4_1", "Q4_0", "F16", "F32"]
_FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7}  # LlamaFileType
_OWN_FIELDS = ("GGUF.", "general.architecture", "general.file_type")  # the writer's


def fuse_gguf(
    adapter: LoraAdapter | None,
    base: Path,
    out: Path,
    quantisation: Quantisation = "same",
    advance: Callable[[str], None] = lambda _: None,
) -> None:
    """Write a copy of a model with an adapter added to its weights, whole or not at all.

    Args:
        adapter: Of this model; None for a copy in another precision.
        base: GGUF file of the model.
        out: File to write.
        quantisation: Of the matrices; ``same`` keeps that of each. Weights that an adapter
            changes are rounded anew, which costs accuracy at 4 bits: take Q8_0, or keep the
            adapter beside its base.
        advance: Told the name of every tensor that was written.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelIntegrityError: It is damaged.
        ConfigurationError: A precision that cannot be written, or an adapter of another base.
    """
    reader = open_gguf(base)
    deltas = {} if adapter is None else _deltas(adapter, reader, read_shape(base))
    kinds = [_kind_for(each, quantisation) for each in reader.tensors]
    for tensor, kind in zip(reader.tensors, kinds, strict=True):
        _check_writable(tensor, kind, changes=tensor.name in deltas)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f"{out.name}.partial")
    writer = gguf.GGUFWriter(partial, str(read_field(reader, "general.architecture")))
    _copy_fields(reader, writer, quantisation)
    for tensor, kind in zip(reader.tensors, kinds, strict=True):
        shape = tuple(int(size) for size in reversed(tensor.shape))
        _announce(writer, tensor.name, shape, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor, kind in zip(reader.tensors, kinds, strict=True):
        delta = deltas[tensor.name]() if tensor.name in deltas else None
        writer.write_tensor_data(_converted(tensor, kind, delta))
        advance(tensor.name)
    writer.close()
    partial.replace(out)


def _deltas(
    adapter: LoraAdapter, reader: gguf.GGUFReader, base: BaseShape
) -> dict[str, Callable[[], FloatArray]]:
    """Return what is added to each tensor, computed when it is needed."""
    sizes = {
        each.name: tuple(int(size) for size in reversed(each.shape)) for each in reader.tensors
    }
    for module, pair in adapter.pairs.items():
        name, size = gguf_name(module), (pair.b.shape[0], pair.a.shape[1])
        if sizes.get(name) != size:
            has = f"{sizes[name]} there" if name in sizes else "not there"
            msg = f"the adapter is of another base: it changes {name} of {size}, which is {has}"
            raise ConfigurationError(msg)

    def delta_of(module: str) -> Callable[[], FloatArray]:
        return lambda: reorder_rows(adapter.delta(module), module, base)

    return {gguf_name(module): delta_of(module) for module in adapter.pairs}


def _copy_fields(
    reader: gguf.GGUFReader, writer: gguf.GGUFWriter, quantisation: Quantisation
) -> None:
    for field in reader.fields.values():
        if field.name.startswith(_OWN_FIELDS):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    file_type = read_field(reader, "general.file_type")
    if quantisation != "same":
        file_type = _FILE_TYPES[quantisation]
    if isinstance(file_type, int):
        writer.add_file_type(file_type)


def _kind_for(tensor: gguf.ReaderTensor, quantisation: Quantisation) -> gguf.GGMLQuantizationType:
    """Return the precision to write; vectors keep theirs."""
    if quantisation == "same" or len(tensor.shape) < MATRIX:
        return tensor.tensor_type
    return gguf.GGMLQuantizationType[quantisation]


def _check_writable(
    tensor: gguf.ReaderTensor, kind: gguf.GGMLQuantizationType, *, changes: bool
) -> None:
    if kind == tensor.tensor_type and not changes:
        return
    if kind.name not in _FILE_TYPES:
        msg = f"{tensor.name} is {kind.name}, which cannot be written: choose Q8_0 or F16, or "
        raise ConfigurationError(msg + "keep the adapter beside its base")
    row, block = int(tensor.shape[0]), gguf.GGML_QUANT_SIZES[kind][0]
    if row % block:
        msg = f"{tensor.name} has rows of {row}, which {kind.name} cannot hold: choose F16"
        raise ConfigurationError(msg)


def _announce(
    writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], kind: gguf.GGMLQuantizationType
) -> None:
    """Write down a tensor's place in the file."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    count = int(np.prod(shape))
    writer.add_tensor_info(name, shape, np.dtype(np.float32), count // block * size, kind)


def _converted(
    tensor: gguf.ReaderTensor, kind: gguf.GGMLQuantizationType, delta: FloatArray | None
) -> npt.NDArray[np.generic]:
    """Return the bytes of a tensor in a precision, with ``delta`` added."""
    if delta is None and kind == tensor.tensor_type:
        return tensor.data
    weights = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    return gguf.quantize(weights if delta is None else weights + delta, kind)

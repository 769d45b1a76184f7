"""Models turned once into a graph with its weights beside it, in a cache of what is in use.

Reading a GGUF file, adding an adapter and rounding to 8 bits takes seconds and a gigabyte, in a
process of its own that gives both back; what comes of it is mapped into memory.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, Literal

import onnx
from filelock import FileLock

from models.analytics.network.gguf_vocabulary import read_vocabulary
from models.analytics.network.graph import llama_model
from models.analytics.network.vocabulary import VocabularyFacts
from models.analytics.network.weights import LlamaDimensions, LlamaWeights
from models.store.manifest import (
    WeightsManifest,
    load_manifest,
    sha256_of,
    verified_weights,
    write_manifest,
)
from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

    from models.onnx_graph import Precision

_FORMAT: Literal["callstream-llama-1"] = "callstream-llama-1"  # another is converted again
_DIGITS = 16  # of the hash of what a conversion was made from
_TOKENIZER, _GRAPH, _WEIGHTS = _BESIDE = ".tokenizer.json", ".onnx", ".weights"
_UNUSED_S = 30 * 24 * 3600.0  # after which a conversion goes once another one is made


class ConvertedModel(WeightsManifest, frozen=True, kw_only=True):
    """What stands beside a conversion; ``file`` is the graph.

    Attributes:
        dimensions: Sizes.
        vocabulary: What the tokenizer does not tell.
        tokenizer_file: The tokenizer, beside the graph.
    """

    dimensions: LlamaDimensions
    vocabulary: VocabularyFacts
    tokenizer_file: str


def converted_model(base: Path, adapter: Path | None, precision: Precision, cache: Path) -> Path:
    """Return the manifest of a conversion, which is made where the cache has none that is whole.

    Args:
        base: GGUF file of the model.
        adapter: LoRA as a GGUF file; None without.
        precision: Of the matrices; see `llama_model`.
        cache: Folder; made if it is not there.

    Raises:
        ModelNotFoundError: There is no such file, or the cache cannot be written.
        ModelIntegrityError: A file is damaged.
        ConfigurationError: Another architecture or tokenizer, or an adapter of another base.
    """
    files = [each for each in (base, adapter) if each is not None]
    for each in files:
        if not each.is_file():
            raise ModelNotFoundError(f"no file {each}: the back-end onnx reads GGUF files")
    sources = map(sha256_of, files)
    key = hashlib.sha256("/".join((_FORMAT, precision, *sources)).encode()).hexdigest()[:_DIGITS]
    path = cache / f"{base.stem}-{key}.json"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{path.stem}.lock"):
            if not _is_whole(path):
                _remove_unused(cache)
                _convert_apart(base, adapter, precision, path)
            os.utime(path)
    except OSError as error:
        msg = f"{base.name} has to be converted once, and {cache} cannot be written: {error}"
        raise ModelNotFoundError(msg) from error
    return path


def _is_whole(path: Path) -> bool:
    with suppress(ModelIntegrityError, ModelNotFoundError):
        verified_weights(path, load_manifest(path, ConvertedModel))
        return True
    return False


def _remove_unused(cache: Path) -> None:
    """Remove conversions that no process has opened for a long time: their versions are gone.

    Another process may do the same at the same time.
    """
    oldest = time.time() - _UNUSED_S
    for path in cache.glob("*.json"):
        with suppress(FileNotFoundError):
            if path.name.endswith(_TOKENIZER) or path.stat().st_mtime > oldest:
                continue
        # The manifest first, so that what is left is no conversion
        for file in (path, *(path.with_suffix(each) for each in _BESIDE)):
            file.unlink(missing_ok=True)


def _convert_apart(base: Path, adapter: Path | None, precision: Precision, path: Path) -> None:
    """Convert in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        try:
            process.submit(convert, base, adapter, precision, path).result()
        except BrokenProcessPool as error:
            msg = f"{base.name} was not converted: the process that does it was killed, as it is"
            raise ModelIntegrityError(f"{msg} where memory is short") from error


def convert(base: Path, adapter: Path | None, precision: Precision, path: Path) -> None:
    """Write the files of a conversion, the manifest last; see `converted_model`."""
    weights = LlamaWeights(base, adapter)
    path.unlink(missing_ok=True)
    tokenizer, vocabulary = read_vocabulary(weights.reader)
    tokenizer_path = path.with_suffix(_TOKENIZER)
    tokenizer.save(str(tokenizer_path))
    graph = _write_graph(llama_model(weights, precision), path.with_suffix(_GRAPH))
    others = (tokenizer_path, graph.with_suffix(_WEIGHTS))
    write_manifest(
        ConvertedModel(
            name=path.stem,
            format=_FORMAT,
            file=graph.name,
            sha256=sha256_of(graph),
            other_files={each.name: sha256_of(each) for each in others},
            dimensions=weights.dimensions,
            vocabulary=vocabulary,
            tokenizer_file=tokenizer_path.name,
        ),
        path,
    )


def _write_graph(model: ModelProto, path: Path) -> Path:
    """Write a graph, and its weights beside it, from where they are mapped into memory."""
    beside = path.with_suffix(_WEIGHTS)
    beside.unlink(missing_ok=True)  # it would be appended to
    onnx.save_model(model, path, save_as_external_data=True, location=beside.name)
    return path

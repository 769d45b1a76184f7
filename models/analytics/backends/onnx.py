"""ONNX Runtime in this process: one call at a time, on a core of a CPU, without torch."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from models.analytics.backends.guided_text import GuidedText
from models.analytics.network.conversion import ConvertedModel, converted_model
from models.analytics.network.session import LlamaNetwork
from models.analytics.network.vocabulary import NetworkVocabulary
from models.onnx_session import ONNX_ERRORS
from models.store.manifest import load_manifest
from schemas.errors import ConfigurationError
from schemas.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.analytics.backends.protocol import Generated, Request
    from models.onnx_graph import Precision

_PIECE = 256  # tokens that are read at a time: an answer can be given up between two


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxOptions:
    """A model, and how it is run.

    Attributes:
        base: GGUF file.
        adapter: LoRA as a GGUF file; None without.
        cache: Folder of conversions.
        context_tokens: Prompt, template and answer together.
        precision: Of the matrices; fp32 takes four times the memory.
        threads: Of ONNX Runtime.
        timeout_s: For one answer, waiting not included.
    """

    base: Path
    adapter: Path | None = None
    cache: Path
    context_tokens: int = 2_048
    precision: Precision = "int8"
    threads: int = 1
    timeout_s: float = 120.0


class OnnxBackend:
    """A model on ONNX Runtime; see `Backend`. Requests run one after the other.

    The model is converted once, with the adapter added to its weights. What a prompt has in common
    with the last one from the begin is not read again, and what the grammar leaves no choice for
    is read at once instead of token by token.

    Args:
        options: The model, and how it is run.

    Raises:
        ModelNotFoundError: There is no such file, or the cache cannot be written.
        ModelIntegrityError: The model or the adapter cannot be loaded.
        ConfigurationError: The model is of a kind that only other back-ends run.
    """

    def __init__(self, options: OnnxOptions) -> None:
        self._options = options
        path = converted_model(options.base, options.adapter, options.precision, options.cache)
        model = load_manifest(path, ConvertedModel)
        tokenizer = Tokenizer.from_file(str(path.with_name(model.tokenizer_file)))
        self._vocabulary = NetworkVocabulary(tokenizer, model.vocabulary)
        self._network = LlamaNetwork(
            path.with_name(model.file),
            model.dimensions,
            options.context_tokens,
            threads=options.threads,
        )
        self._running = threading.Lock()
        self._is_closed = False

    def generate(self, requests: Sequence[Request]) -> list[Generated | Failed]:
        """Return the answer to each request, or why there is none."""
        found = []
        for each in requests:
            with self._running:
                found.append(self._answer(each))
        return found

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return self._vocabulary.count(text)

    def close(self) -> None:
        """Let the request that runs fail; the model is freed with this object."""
        self._is_closed = True

    def _answer(self, request: Request) -> Generated | Failed:
        try:
            prompt = self._vocabulary.prompt_ids(request.prompt, request.form)
        except ConfigurationError as error:
            return Failed(str(error), retryable=False)
        if len(prompt) + request.max_tokens > self._network.capacity:
            reason = f"{len(prompt)} tokens of prompt and {request.max_tokens} of answer are more"
            return Failed(f"{reason} than {self._network.capacity}", retryable=False)
        text = GuidedText(
            self._vocabulary, request, len(prompt), cached := self._network.rewind(prompt)
        )
        try:
            failure = self._write(text, prompt[cached:])
        except ONNX_ERRORS as error:
            reason = " ".join(str(error).split())[:160]
            return Failed(f"ONNX Runtime: {reason}", retryable=True)
        return failure or text.result()

    def _write(self, text: GuidedText, unread: list[int]) -> Failed | None:
        """Read tokens and write the answer; return why that was given up."""
        deadline = time.monotonic() + self._options.timeout_s
        unread = unread + text.forced()
        while True:
            logits = self._network.read(unread[:_PIECE])
            unread = unread[_PIECE:]
            if not unread:
                unread = [text.add(logits), *text.forced()]
                if text.is_done:
                    return None
            if self._is_closed:
                return Failed("the model was closed", retryable=False)
            if time.monotonic() > deadline:
                limit = f"{self._options.timeout_s:g}"
                return Failed(f"no answer within {limit} s", retryable=True)

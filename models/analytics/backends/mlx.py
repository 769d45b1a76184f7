"""mlx-lm with an adapter in its own form: Apple's chips, and Linux for tests."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.analytics.backends.guided_text import GuidedText
from models.analytics.backends.hugging_face_vocabulary import HuggingFaceVocabulary
from models.analytics.mlx.model import load_mlx_model
from models.extras.mlx import core
from models.extras.mlx_lm import cache
from schemas.errors import ModelIntegrityError
from schemas.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.analytics.backends.protocol import Generated, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class MlxOptions:
    """A model, and how it is run.

    Attributes:
        base: Folder of transformers or of ``mlx_lm.convert``.
        adapter: Folder of mlx-lm; None without.
        timeout_s: For one answer.
    """

    base: Path
    adapter: Path | None = None
    timeout_s: float = 120.0


class MlxBackend:
    """A model on mlx-lm; see `Backend`. Requests run one after the other.

    Args:
        options: The model, and how it is run.

    Raises:
        MissingExtraError: mlx-lm is not installed.
        ModelNotFoundError: A file is not there.
        ModelIntegrityError: The base is no folder, or a file is damaged.
        ConfigurationError: mlx-lm cannot load such a base.
    """

    def __init__(self, options: MlxOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        if options.base.is_file():
            raise ModelIntegrityError(
                f"the back-end mlx reads a folder of transformers or of mlx_lm.convert, not the "
                f"file {options.base}: give such a folder as the base"
            )
        self._model, tokenizer = load_mlx_model(options.base, options.adapter)
        size = int(self._logits([0], None).shape[-1])
        ends = tuple(sorted(tokenizer.eos_token_ids))
        fast = vars(tokenizer)["_tokenizer"]  # mlx-lm wraps it
        self._vocabulary = HuggingFaceVocabulary(fast, size, ends)

    def generate(self, requests: Sequence[Request]) -> list[Generated | Failed]:
        """Return the answer to each request, or why there is none."""
        return [self._answer(each) for each in requests]

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return self._vocabulary.count(text)

    def close(self) -> None:
        """Nothing: the model is freed with this object."""

    def _answer(self, request: Request) -> Generated | Failed:
        deadline = time.monotonic() + self._options.timeout_s
        with self._lock:
            ids = self._vocabulary.prompt_ids(request)
            text = GuidedText(self._vocabulary, request, len(ids))
            past = cache.make_prompt_cache(self._model)
            try:
                while not text.is_done:
                    if time.monotonic() > deadline:
                        reason = f"no answer within {self._options.timeout_s:g} s"
                        return Failed(reason, retryable=True)
                    ids = [text.add(self._logits(ids, past))]
            except RuntimeError as error:  # out of memory, among others
                reason = " ".join(str(error).split())[:160]
                return Failed(f"mlx: {reason}", retryable=True)
            return text.result()

    def _logits(self, ids: Sequence[int], past: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the logits behind the last token, shape (vocabulary,)."""
        out = self._model(core.array([list(ids)]), cache=past)[0, -1]
        return np.array(out.astype(core.float32), dtype=np.float32)

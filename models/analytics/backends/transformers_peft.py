"""transformers with a PEFT adapter: the form in which adapters are trained, in batches of calls."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.analytics.backends.guided_text import GuidedText
from models.analytics.backends.hugging_face_vocabulary import HuggingFaceVocabulary
from models.extras.transformers import peft, torch, transformers
from schemas.errors import ModelIntegrityError
from schemas.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from models.analytics.backends.protocol import Generated, Request

_auto: Any = transformers.AutoModelForCausalLM
_tokenizers: Any = transformers.AutoTokenizer
_peft: Any = peft.PeftModel


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformersOptions:
    """A model, and how it is run.

    Attributes:
        base: Folder of transformers, or a GGUF file, which is read in full precision.
        adapter: Folder of PEFT; None without.
        device: ``cpu``, ``cuda``, ``cuda:1`` ..
        precision: Of the weights, a type of torch.
        max_batch: Requests of one run.
        timeout_s: For the answers of one run.
    """

    base: Path
    adapter: Path | None = None
    device: str = "cpu"
    precision: str = "float32"
    max_batch: int = 8
    timeout_s: float = 120.0


class TransformersBackend:
    """A model on transformers; see `Backend`.

    Requests are sorted by length and run together, padded on the left, so that each reads the
    positions that it reads alone.

    Args:
        options: The model, and how it is run.

    Raises:
        MissingExtraError: transformers or PEFT is not installed.
        ModelIntegrityError: The model or the adapter cannot be loaded.
    """

    def __init__(self, options: TransformersOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        try:
            self._model, self._tokenizer = _load(options)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelIntegrityError(f"{options.base} cannot be loaded: {reason}") from error
        ends = self._model.generation_config.eos_token_id
        self._vocabulary = HuggingFaceVocabulary(
            self._tokenizer,
            int(self._model.get_input_embeddings().weight.shape[0]),
            tuple(ends) if isinstance(ends, list) else () if ends is None else (int(ends),),
        )

    def generate(self, requests: Sequence[Request]) -> list[Generated | Failed]:
        """Return the answer to each request, or why there is none."""
        prompts = [self._vocabulary.prompt_ids(each) for each in requests]
        order = sorted(range(len(requests)), key=lambda number: len(prompts[number]))
        found: dict[int, Generated | Failed] = {}
        for own in _in_batches(order, self._options.max_batch):
            with self._lock:
                answers = self._run([requests[n] for n in own], [prompts[n] for n in own])
            found.update(zip(own, answers, strict=True))
        return [found[number] for number in range(len(requests))]

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return self._vocabulary.count(text)

    def close(self) -> None:
        """Nothing: the model is freed with this object."""

    def _run(
        self, requests: Sequence[Request], prompts: Sequence[Sequence[int]]
    ) -> list[Generated | Failed]:
        texts = [
            GuidedText(self._vocabulary, request, len(ids))
            for request, ids in zip(requests, prompts, strict=True)
        ]
        try:
            with torch.inference_mode():
                is_in_time = self._write(texts, prompts)
        except RuntimeError as error:  # out of memory, among others
            reason = " ".join(str(error).split())[:160]
            return [Failed(f"transformers: {reason}", retryable=True) for _ in texts]
        late = Failed(f"no answer within {self._options.timeout_s:g} s", retryable=True)
        return [each.result() if each.is_done or is_in_time else late for each in texts]

    def _write(self, texts: Sequence[GuidedText], prompts: Sequence[Sequence[int]]) -> bool:
        """Write all answers; return whether that was in time."""
        deadline = time.monotonic() + self._options.timeout_s
        ids, mask = self._padded(prompts)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        past = None
        while True:
            out = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=past,
                use_cache=True,
                logits_to_keep=1,
            )
            past = out.past_key_values
            logits = out.logits[:, -1].float().cpu().numpy()
            following = [
                0 if text.is_done else text.add(np.ascontiguousarray(row))
                for text, row in zip(texts, logits, strict=True)
            ]
            if all(text.is_done for text in texts):
                return True
            if time.monotonic() > deadline:
                return False
            ids = torch.tensor(following, device=mask.device)[:, None]
            mask = torch.cat([mask, mask.new_ones(len(texts), 1)], dim=-1)
            positions = positions[:, -1:] + 1

    def _padded(self, prompts: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        longest = max(map(len, prompts))
        ids = torch.zeros(len(prompts), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        return ids.to(self._options.device), mask.to(self._options.device)


def _load(options: TransformersOptions) -> tuple[Any, Any]:
    base = options.base
    place = {"gguf_file": base.name} if base.is_file() else {}
    folder = base.parent if base.is_file() else base
    tokenizer = _tokenizers.from_pretrained(folder, **place)
    model = _auto.from_pretrained(folder, dtype=getattr(torch, options.precision), **place)
    if options.adapter is not None:
        model = _peft.from_pretrained(model, str(options.adapter))
    return model.to(options.device).eval(), tokenizer


def _in_batches(numbers: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), most):
        yield numbers[start : start + most]

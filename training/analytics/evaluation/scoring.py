"""How likely the targets of calls are to a network of transformers, token by token."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from peft import PeftModel

from models.analytics.answer_parts import MAX_TURNS
from models.analytics.grammar import max_answer_tokens
from training.analytics.learning.base import find_base, load_model, load_tokenizer
from training.analytics.learning.recipe import AnalyticsRecipe, BaseRecipe, FormRecipe
from training.analytics.learning.rows import row_writer
from training.analytics.measures.perplexity import AnswerLosses
from training.core.errors import MissingDataError
from training.core.transformers_output import without_remarks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.analytics.guide import AnalysisGuide
    from models.analytics.manifest import AnalyticsManifest
    from training.analytics.corpus.examples import Example
    from training.analytics.learning.rows import RowWriter


class _Loaded(NamedTuple):
    """A network, and the writer of what it reads."""

    network: Any
    rows: RowWriter


class NetworkScorer:
    """A base model with an adapter or without, loaded at the first call; see `TargetScorer`.

    Args:
        manifest: Of the adapter: base, forms, token limits.
        guide: Of the targets.
        adapter: Folder of PEFT; None measures the base alone.
        device: Of torch.
    """

    def __init__(
        self, manifest: AnalyticsManifest, guide: AnalysisGuide, adapter: Path | None, device: str
    ) -> None:
        self._manifest = manifest
        self._guide = guide
        self._adapter = adapter
        self._device = torch.device(device)

    def losses(self, examples: Sequence[Example]) -> list[AnswerLosses]:
        """Return the losses of the target of each call, given its prompt.

        Raises:
            MissingDataError: The base or the adapter cannot be loaded.
            CallstreamError: The base is not there, or a target does not fit the limits.
        """
        with torch.inference_mode():
            return [self._of(each) for each in examples]

    def _of(self, example: Example) -> AnswerLosses:
        row = self._loaded.rows.row(example)
        ids = torch.tensor([row.ids], device=self._device)
        answer = ids[0, row.begin :]
        logits = self._loaded.network(input_ids=ids, logits_to_keep=len(answer) + 1).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits.float(), answer, reduction="none")
        return AnswerLosses(tuple(losses.tolist()), tuple(bool(key) for key in row.keys))

    @cached_property
    def _loaded(self) -> _Loaded:
        manifest = self._manifest
        base = BaseRecipe(manifest.base)
        answer_tokens = max_answer_tokens(self._guide, manifest.answer_form, MAX_TURNS)
        with without_remarks():
            files = find_base(base.model)
            network: Any = load_model(files, base, self._device)
            if self._adapter is not None:
                network = _adapted(network, self._adapter)

            def recipe(template_tokens: int) -> AnalyticsRecipe:
                """Return the recipe whose prompts are as long as those of serving."""
                tokens = manifest.max_prompt_tokens + answer_tokens + template_tokens
                forms = FormRecipe(
                    manifest.prompt_form, manifest.answer_form, tokens, answer_tokens
                )
                return AnalyticsRecipe(name=manifest.name, base=base, forms=forms)

            writer = row_writer(recipe(0), self._guide, load_tokenizer(files))
        return _Loaded(network.eval(), replace(writer, recipe=recipe(writer.template_tokens)))


def _adapted(network: Any, adapter: Path) -> Any:
    try:
        return PeftModel.from_pretrained(network, str(adapter))
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MissingDataError(f"{adapter} is no adapter of this base: {reason}") from error

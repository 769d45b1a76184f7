"""A loaded model that analyses calls: prompt, back-end and answer put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.analytics.analysis import Analysis
from models.analytics.answer_parts import MAX_TURNS, AnswerError
from models.analytics.answers import decode_answer
from models.analytics.backends.choice import BackendOptions, open_backend
from models.analytics.backends.protocol import Generated, Request
from models.analytics.calibration import calibrated
from models.analytics.grammar import answer_grammar, answer_json_schema, max_answer_tokens
from models.analytics.guide import load_guide
from models.analytics.manifest import load_analytics_manifest
from models.analytics.prompts import TokenBudget, build_prompt
from models.analytics.turns import SpokenTurn, TemporalContext
from models.store.manifest import verified_weights
from schemas.errors import CallstreamError, InferenceError
from schemas.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.analytics.backends.protocol import Backend
    from models.analytics.guide import AnalysisGuide
    from models.analytics.manifest import AnalyticsManifest

TEMPLATE_TOKENS = 128  # that a chat template adds at most
_TRIAL = (
    (
        SpokenTurn("agent", "good morning how can i help"),
        SpokenTurn("customer", "where is my parcel"),
    ),
    TemporalContext(),
)


class Analysed(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of a call.

    Attributes:
        analysis: Its turns are indexes into those of the call.
        left_out: How many turns in the middle of the call the model did not read.
        generated: The answer as it was written, with tokens and times.
    """

    analysis: Analysis
    left_out: int
    generated: Generated


class Analyst:
    """One version of a model with its guide; use `load`. Any thread may call any method.

    Args:
        name: Name and version, as it appears in messages.
        guide: What its answers are made of.
        manifest: With the forms of prompt and answer.
        backend: Runs the model.
        has_schema: Requests carry the JSON Schema of the answer.
    """

    def __init__(
        self,
        name: str,
        guide: AnalysisGuide,
        manifest: AnalyticsManifest,
        backend: Backend,
        *,
        has_schema: bool = False,
    ) -> None:
        self.name = name
        self.guide = guide
        self._manifest = manifest
        self._backend = backend
        self._has_schema = has_schema

    @classmethod
    def load(cls, path: Path, options: BackendOptions | None = None) -> Analyst:
        """Return the model of a manifest after verifying its files and trying it.

        A server elsewhere is not tried: it may come up later.

        Raises:
            ModelNotFoundError: A file, or the base model, is not there.
            ModelIntegrityError: A file is damaged, or the model cannot be loaded.
            ConfigurationError: The guide or the options cannot be used.
            InferenceError: The model does not answer.
        """
        return cls.of(path, load_analytics_manifest(path), options or BackendOptions())

    @classmethod
    def of(cls, path: Path, manifest: AnalyticsManifest, options: BackendOptions) -> Analyst:
        """Return the model that the manifest at a path would describe; errors as of `load`."""
        verified_weights(path, manifest)
        guide = load_guide(path.parent / manifest.guide_file)
        longest = max_answer_tokens(guide, manifest.answer_form, MAX_TURNS)
        context_tokens = manifest.max_prompt_tokens + TEMPLATE_TOKENS + longest
        backend = open_backend(path, manifest, options, context_tokens=context_tokens)
        is_elsewhere = options.name == "openai"
        analyst = cls(manifest.versioned_name, guide, manifest, backend, has_schema=is_elsewhere)
        if not is_elsewhere:
            analyst.check()
        return analyst

    def check(self) -> None:
        """Try the model on a call of two turns.

        Raises:
            InferenceError: It does not answer.
        """
        (found,) = self.analyse([_TRIAL])
        if isinstance(found, Failed):
            self.close()
            raise InferenceError(f"{self.name} does not answer: {found.reason}")

    def analyse(
        self,
        calls: Sequence[tuple[Sequence[SpokenTurn], TemporalContext]],
        *,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Analysed | Failed]:
        """Return what is to be said of each call, or why nothing can be.

        Args:
            calls: Turns and context of each.
            temperature: 0 takes the likeliest token each time.
            seed: Of the tokens that are drawn at a temperature.
        """
        requests = [self._request(*each, temperature, seed) for each in calls]
        asked = [each for each in requests if isinstance(each, Request)]
        answers = iter(self._backend.generate(asked) if asked else ())
        return [
            each
            if isinstance(each, Failed)
            else self._analysed(each, next(answers), len(calls[number][0]))
            for number, each in enumerate(requests)
        ]

    def close(self) -> None:
        """Free what the model holds; a call that is analysed fails."""
        self._backend.close()

    def _request(
        self, turns: Sequence[SpokenTurn], context: TemporalContext, temperature: float, seed: int
    ) -> Request | Failed:
        manifest = self._manifest
        budget = TokenBudget(manifest.max_prompt_tokens, self._backend.count_tokens)
        try:
            prompt = build_prompt(
                turns, context, manifest.prompt_form, guide=self.guide, budget=budget
            )
        except CallstreamError as error:
            return Failed(str(error), retryable=error.retryable)
        shown, form = len(prompt.shown), manifest.answer_form
        return Request(
            prompt=prompt,
            grammar=answer_grammar(self.guide, form, shown),
            max_tokens=max_answer_tokens(self.guide, form, shown),
            form=manifest.prompt_form,
            schema=answer_json_schema(self.guide, form, shown) if self._has_schema else None,
            temperature=temperature,
            seed=seed,
        )

    def _analysed(
        self, request: Request, answer: Generated | Failed, turns: int
    ) -> Analysed | Failed:
        if isinstance(answer, Failed):
            return answer
        shown = request.prompt.shown
        try:
            analysis = decode_answer(
                answer.text, self.guide, self._manifest.answer_form, shown, answer.tokens
            )
        except AnswerError as error:
            return Failed(str(error), retryable=False)
        analysis = calibrated(analysis, self._manifest.confidences)
        return Analysed(analysis=analysis, left_out=turns - len(shown), generated=answer)

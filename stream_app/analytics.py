"""The analytics models that the settings name, for whichever process asks them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import structlog

from models.analytics.analysis import Analysis
from models.analytics.backends.choice import BackendOptions, import_backend
from models.analytics.backends.openai_server import ServerOptions
from models.analytics.guide import CATEGORY_TASK, AnalysisGuide
from models.analytics.manifest import load_analytics_manifest
from models.analytics.serving.store import ANALYTICS_MODELS, AnalyticsModels, bundled_manifest
from models.analytics.temporal import CallCalendar, load_calendar
from models.analytics.turns import SpokenTurn, TemporalContext
from models.call_routes import by_name
from models.classification.classifier import Passage
from models.classification.store import ClassificationModels
from models.fetching.base_model import find_base
from models.languages import serves
from models.onnx_session import ONNX_ERRORS
from models.store.layout import BUNDLED, serving_manifests
from models.store.versioned import Refusal, Swap
from schemas.base import CallContext
from schemas.errors import CallstreamError
from schemas.insights import NoInsights
from stream_app.calls.analyze.analyzed import Analyzed, AnalyzeRequest
from stream_app.calls.classify.classified import ClassifyRequest
from stream_app.calls.inference import OF_VALUES, Failed
from stream_app.classification import ask_champions as ask_classifiers
from stream_app.settings import AnalyticsSettings, ClassificationSettings

Categories = Callable[[str, Sequence[AnalyzeRequest]], list[str]]

log = structlog.get_logger(__name__)


class AnalysedCall(Protocol):
    """What a model says of a call."""

    @property
    def analysis(self) -> Analysis:
        """Return what it found."""
        ...

    @property
    def left_out(self) -> int:
        """Return how many turns it did not read."""
        ...


class LoadedAnalyst(Protocol):
    """A model that can be asked."""

    @property
    def name(self) -> str:
        """Return name and version."""
        ...

    @property
    def guide(self) -> AnalysisGuide:
        """Return what its answers are made of."""
        ...

    def analyse(
        self, calls: Sequence[tuple[Sequence[SpokenTurn], TemporalContext]]
    ) -> Sequence[AnalysedCall | Failed]:
        """Return what is to be said of each call."""
        ...


class GuideSource(Protocol):
    """What serves one guide, and the model that is compared with it."""

    @property
    def guide(self) -> AnalysisGuide:
        """Return the guide, also where there is no model."""
        ...

    @property
    def champion(self) -> LoadedAnalyst | None:
        """Return the model that serves."""
        ...

    @property
    def challenger(self) -> LoadedAnalyst | None:
        """Return the model that is asked the same and compared."""
        ...

    def missing(self) -> Mapping[str, str]:
        """Return why there is no model, by the name of the guide; empty where there is one."""
        ...


class AnalyticsSource(Protocol):
    """Where the models come from; guides are named as the settings name them."""

    @property
    def default(self) -> str:
        """Return the guide of calls that no route fits."""
        ...

    def guide_for(self, context: CallContext) -> str:
        """Return the guide that serves a call."""
        ...

    def of(self, guide: str) -> GuideSource:
        """Return what serves a guide."""
        ...

    def names(self) -> tuple[str, ...]:
        """Return the guides."""
        ...

    def missing(self) -> Mapping[str, str]:
        """Return why guides have no model, by their own names; empty where all have one."""
        ...

    def refresh(self) -> Sequence[Swap | Refusal]:
        """Take up changed files; return what that led to."""
        ...


def load_models(part: AnalyticsSettings) -> AnalyticsModels:
    """Return the models that the settings name; one that is missing is looked for again.

    Raises:
        ConfigurationError: A guide cannot be used.
    """
    server = ServerOptions(
        url=part.server_url,
        model=part.server_model,
        api_key=part.server_api_key.get_secret_value(),
        guidance=part.server_guidance,
        timeout_s=part.timeout_s,
        parallel=part.max_batch,
    )
    options = BackendOptions(
        name=part.backend,
        base=part.base,
        threads=part.threads,
        device=part.device,
        max_batch=part.max_batch,
        timeout_s=part.timeout_s,
        server=server,
    )
    return AnalyticsModels(
        part.models,
        default=part.guide,
        routes=[route.as_route() for route in part.routes],
        options=options,
    )


def has_model(part: AnalyticsSettings) -> bool:
    """Return whether the default guide's model can run on this machine; it is not loaded."""
    model = part.models[part.guide]
    source = bundled_manifest(part.guide) if model == BUNDLED else Path(model).expanduser()
    try:
        (manifest,) = map(load_analytics_manifest, serving_manifests(source, ANALYTICS_MODELS))
        if part.backend == "openai":
            return bool(part.server_url)
        import_backend(part.backend)
        find_base(part.base or manifest.base, "", None)
    except (CallstreamError, OSError, ValueError):
        return False
    return True


def calendar_of(part: AnalyticsSettings) -> CallCalendar:
    """Return the calendar that the settings name; without one, nothing follows from the time.

    Raises:
        ConfigurationError: It cannot be read.
    """
    return load_calendar(part.calendar) if part.calendar else CallCalendar()


def ask_models(
    models: AnalyticsSource, categories: Categories, requests: Sequence[AnalyzeRequest]
) -> list[tuple[Analyzed, ...] | Failed]:
    """Return the answer to each call, and that of a challenger behind it.

    A challenger that fails costs no call its answer.

    Args:
        models: That answer.
        categories: Names the main categories of calls by the classifier of a label set.
        requests: The calls.
    """
    answers: list[tuple[Analyzed, ...] | Failed] = [
        each if isinstance(each, Failed) else (each,) for each in ask_champions(models, requests)
    ]
    for name, own in by_name(each.guide for each in requests).items():
        asked = [n for n in own if _is_analysed(answers[n])]
        if not asked:
            continue
        calls = [requests[n] for n in asked]
        source = models.of(name)
        named = categories(source.guide.label_set, calls)
        compared = _compared(source.challenger, calls)
        for n, category, others in zip(asked, named, compared, strict=True):
            champions = answers[n]
            assert isinstance(champions, tuple)
            answers[n] = (replace(champions[0], classified=category), *others)
    return answers


def ask_champions(
    models: AnalyticsSource, requests: Sequence[AnalyzeRequest]
) -> list[Analyzed | Failed]:
    """Return the answer to each call, of the model that serves its guide."""
    found: dict[int, Analyzed | Failed] = {}
    for name, own in by_name(each.guide for each in requests).items():
        answers = _champions_answers(models.of(name), [requests[n] for n in own])
        found.update(zip(own, answers, strict=True))
    return [found[number] for number in range(len(requests))]


def _is_analysed(answer: tuple[Analyzed, ...] | Failed) -> bool:
    return isinstance(answer, tuple) and answer[0].analysis is not None


def _champions_answers(
    source: GuideSource, requests: Sequence[AnalyzeRequest]
) -> list[Analyzed | Failed]:
    analyst = source.champion
    guide = source.guide if analyst is None else analyst.guide
    reasons = [_reason(guide, analyst, each) for each in requests]
    asked = [each for each, reason in zip(requests, reasons, strict=True) if not reason]
    found = iter(_asked(analyst, asked) if analyst is not None and asked else ())
    return [
        Analyzed(guide=guide, abstained=reason) if reason else next(found) for reason in reasons
    ]


def categories_of(analytics: AnalyticsSettings, part: ClassificationSettings) -> Categories:
    """Return what names the main categories of calls: the classifiers that the settings name."""
    if not analytics.compare_categories:
        return _no_categories
    models = ClassificationModels(part.models, default=part.label_set, threads=part.threads)

    def categories(label_set: str, requests: Sequence[AnalyzeRequest]) -> list[str]:
        if label_set not in models.serving():
            return _no_categories(label_set, requests)
        try:
            found = ask_classifiers(models, [_to_classify(label_set, each) for each in requests])
        except (CallstreamError, *ONNX_ERRORS, *OF_VALUES) as error:
            log.warning("analytics.category_not_compared", reason=str(error))
            return _no_categories(label_set, requests)
        return [
            next(
                (
                    a.labels[0].label
                    for a in e.found.answers
                    if a.task == CATEGORY_TASK and a.labels
                ),
                "",
            )
            for e in found
        ]

    return categories


def _no_categories(_: str, requests: Sequence[AnalyzeRequest]) -> list[str]:
    return [""] * len(requests)


def _to_classify(label_set: str, request: AnalyzeRequest) -> ClassifyRequest:
    passages = tuple(Passage(turn.text, turn.party, str(n)) for n, turn in enumerate(request.turns))
    return ClassifyRequest(label_set, passages, request.language, request.unserved_language)


def _reason(
    guide: AnalysisGuide, analyst: LoadedAnalyst | None, request: AnalyzeRequest
) -> NoInsights:
    """Return why a call is not analysed; empty where it is."""
    if not serves(guide.languages, request.language, heard=request.unserved_language):
        return "language"
    if len(request.turns) < guide.min_turns:
        return "too_short"
    return "no_model" if analyst is None else ""


def _asked(
    analyst: LoadedAnalyst, requests: Sequence[AnalyzeRequest], *, is_shadow: bool = False
) -> list[Analyzed | Failed]:
    found = analyst.analyse([(each.turns, each.context) for each in requests])
    return [
        each
        if isinstance(each, Failed)
        else Analyzed(
            guide=analyst.guide,
            model=analyst.name,
            analysis=each.analysis,
            left_out=each.left_out,
            is_shadow=is_shadow,
        )
        for each in found
    ]


def _compared(
    challenger: LoadedAnalyst | None, requests: Sequence[AnalyzeRequest]
) -> list[tuple[Analyzed, ...]]:
    """Return the answer of a challenger to each call; none where there is none, or it fails."""
    if challenger is None:
        return [()] * len(requests)
    try:
        found = _asked(challenger, requests, is_shadow=True)
    except (CallstreamError, *ONNX_ERRORS, *OF_VALUES) as error:
        log.warning("analytics_model.challenger_failed", reason=str(error))
        return [()] * len(requests)
    failed = [each.reason for each in found if isinstance(each, Failed)]
    if failed:
        log.warning("analytics_model.challenger_failed", reason=failed[0])
    return [() if isinstance(each, Failed) else (each,) for each in found]

"""A model of one label set that answers from the words of a text, and a server that has it."""

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from models.classification.classifier import Answer, Classification, Passage
from models.classification.label_set import LabelSet
from models.store.versioned import Refusal, Swap
from schemas.base import CallContext
from schemas.classification import ScoredLabel
from stream_app.analytics import AnalyticsSource
from stream_app.api.application import create_app
from stream_app.api.classifier.served import ModelSource
from stream_app.settings import Settings
from tests.support.analytics.word_analyst import WordModels
from tests.support.models.classified_calls import SHOP

NO_BROKER = "127.0.0.1:1"
FAILING = "unreadable"  # a text with this word makes the model fail


class WordModel:
    """Names the subject of the first passage that has its word; asked from one thread at a time."""

    def __init__(self, name: str = "words@1", label_set: LabelSet = SHOP) -> None:
        self.name = name
        self.label_set = label_set
        self.threads: set[int] = set()
        self.runs: list[int] = []

    def classify(self, calls: Sequence[Sequence[Passage]]) -> list[Classification]:
        """Return the answers."""
        self.threads.add(threading.get_ident())
        self.runs.append(len(calls))
        return [self._answer(call) for call in calls]

    def _answer(self, call: Sequence[Passage]) -> Classification:
        words = [passage.text.casefold() for passage in call]
        if any(FAILING in text for text in words):
            raise ValueError(FAILING)
        if not call:
            return Classification(abstained="silent")
        for index, text in enumerate(words):
            for label in ("Broken", "Late", "Refund"):
                if label.casefold() in text:
                    return self._found(label, index, text)
        return Classification(abstained="uncertain", windows=1)

    def _found(self, label: str, index: int, text: str) -> Classification:
        area = "Money" if label == "Refund" else "Goods"
        mood = (ScoredLabel(label="Angry", confidence=0.8),) if "!" in text else ()
        answers = [
            Answer("area", (ScoredLabel(label=area, confidence=0.95),), (index,)),
            Answer("subject", (ScoredLabel(label=label, confidence=0.8),), (index,)),
            Answer("urgency", (ScoredLabel(label="High", confidence=-1),), (), "danger"),
        ]
        answers.append(Answer("moods", mood, (index,) if mood else ()))
        return Classification(tuple(answers), windows=1, second_opinion=label)


class OneModel:
    """A source of one model, which may be exchanged."""

    def __init__(self, model: WordModel | None = None) -> None:
        self.model = model or WordModel()
        self.changes: list[Swap | Refusal] = []

    def serving(self) -> Mapping[str, tuple[Path, WordModel]]:
        """Return the one model."""
        return {self.model.label_set.name: (Path("words.json"), self.model)}

    def label_set_for(self, context: CallContext) -> str:
        """Return the queue as the name of a label set."""
        return context.queue or self.model.label_set.name

    def of(self, label_set: str) -> WordModel:
        """Return the one model."""
        assert label_set == self.model.label_set.name
        return self.model

    def missing(self) -> Mapping[str, str]:
        """Return nothing: the one label set has its model."""
        return {}

    def refresh(self) -> Sequence[Swap | Refusal]:
        """Return the changes that a test has put there."""
        found, self.changes = self.changes, []
        return found


@asynccontextmanager
async def connected(
    open_source: Callable[[], ModelSource] = OneModel,
    *,
    analytics: Callable[[], AnalyticsSource] = WordModels,
    refresh_s: float = 5.0,
    **api: object,
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of an application with these settings of the server."""
    settings = Settings().replace(
        kafka={"bootstrap_servers": NO_BROKER}, api=api, classification={"refresh_s": refresh_s}
    )
    app = create_app(settings, open_source, analytics)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = httpx.AsyncClient(transport=transport, base_url="http://test")
        yield await stack.enter_async_context(client)

"""Runs of a model on a thread of its own, each for the texts of whichever requests wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from models.classification.classifier import Classification, Passage
from stream_app.api.classifier.served import LoadedModel
from stream_app.api.http.errors import ApiError

MAX_CALLS = 16  # in one run
MAX_CHARACTERS = 64_000  # in one run of several calls: a long one keeps others waiting

log = structlog.get_logger(__name__)
Call = Sequence[Passage]


@dataclass(slots=True)
class _Waiting:
    """A call that waits for its answer."""

    model: LoadedModel
    call: Call
    characters: int
    answer: asyncio.Future[Classification]


class Batches:
    """Classifies calls in the order in which they come, those that wait together in one run.

    A run takes what has come while the one before it was at work, so that a lone call never waits.

    Args:
        count_run: Told of each run.
    """

    def __init__(self, count_run: Callable[[], None] = lambda: None) -> None:
        self._count_run = count_run
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="classify")
        self._work: asyncio.Task[None] | None = None

    async def classify(self, model: LoadedModel, call: Call) -> Classification:
        """Return what a model says of a call.

        Raises:
            ApiError: The model fails on it.
        """
        answer: asyncio.Future[Classification] = asyncio.get_running_loop().create_future()
        characters = sum(len(passage.text) for passage in call)
        self._waiting.append(_Waiting(model, call, characters, answer))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_all())
        return await answer

    def close(self) -> None:
        """End the thread; no call may wait any more."""
        self._thread.shutdown()

    async def _answer_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            if not await self._answer(batch):
                for waiting in batch:
                    if not await self._answer([waiting]):
                        _fail(waiting)

    def _next_batch(self) -> list[_Waiting]:
        """Return the first call that waits, and others for the same model."""
        first = self._waiting.popleft()
        batch, others, characters = [first], deque[_Waiting](), first.characters
        for waiting in self._waiting:
            characters += waiting.characters
            fits = len(batch) < MAX_CALLS and characters <= MAX_CHARACTERS
            (batch if fits and waiting.model is first.model else others).append(waiting)
        self._waiting = others
        return batch

    async def _answer(self, batch: list[_Waiting]) -> bool:
        """Return whether the model could be run; the calls have their answers then."""
        calls = [waiting.call for waiting in batch]
        loop = asyncio.get_running_loop()
        run = loop.run_in_executor(self._thread, batch[0].model.classify, calls)
        await asyncio.wait([run])
        self._count_run()
        error = run.exception()
        if error is not None:
            log.error("api.inference_failed", calls=len(batch), error=type(error).__name__)
            return False
        for waiting, classification in zip(batch, run.result(), strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(classification)
        return True


def _fail(waiting: _Waiting) -> None:
    message = "The model failed on this text; the log of the server says where."
    if not waiting.answer.done():
        waiting.answer.set_exception(ApiError(500, "inference_failed", message))

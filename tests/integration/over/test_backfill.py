"""Finalized calls on a broker, classified again by the present version of a model."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.classification.classifier import Classifier
from models.classification.store import ClassificationModels
from schemas.catalogue import ALERTS, CLASSIFICATIONS, encode, topic_of
from schemas.classification import CallClassified
from schemas.errors import ConfigurationError
from stream_app.backfill.classify import NO_WEIGHTS, ClassifyAgain
from stream_app.backfill.finalized_calls import Span, pieces
from stream_app.backfill.work import ANSWERED, PRIVATE, Backfill, Done
from stream_app.calls.classify.classified import answer_of, request_of
from stream_app.classification import ask_champions
from stream_app.live.whole_topics import read_topic
from stream_app.transport.clients import start_producer
from tests.support.classification.tiny_classifier import LABEL_SET, write_classifier
from tests.support.models.classified_calls import finalized
from tests.support.system.command_line import callstream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from schemas.base import Message
    from schemas.turns import FinalizedCall
    from stream_app.settings import Settings

pytestmark = pytest.mark.e2e
EVER = Span(0, 2**50)
TEXTS = ("my phone number please", "on monday morning", "i need you here now", "yes")
CALLS = 80  # on four partitions
PRIVATE_CALLS = {number for number in range(CALLS) if number % 10 == 7}


def call_of(number: int) -> FinalizedCall:
    opted_out = {"analytics": "False"} if number in PRIVATE_CALLS else {}
    return finalized(f"call-{number}", TEXTS[number % len(TEXTS)], attributes=opted_out)


def send(settings: Settings, messages: Iterable[Message]) -> None:
    async def produce() -> None:
        producer = await start_producer(settings.kafka)
        for each in messages:
            await producer.send(topic_of(each), encode(each), key=each.call_id.encode())
        await producer.stop()

    asyncio.run(produce())


def on_topic(settings: Settings, name: str) -> list[Message]:
    async def read() -> list[Message]:
        return [each.message async for each in read_topic(settings.kafka, name)]  # type: ignore[misc]

    return asyncio.run(read())


def models_of(path: Path, **others: str) -> ClassificationModels:
    return ClassificationModels({"tiny": str(path), **others}, default="tiny")


def backfill(settings: Settings, models: ClassificationModels, span: Span = EVER) -> Done:
    return asyncio.run(Backfill(settings.kafka, ClassifyAgain(models), max_batch=8).run(span))


def test_every_call_is_answered_once_by_each_version(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some were answered live; the topic is read in several pieces a partition."""
    monkeypatch.setattr(pieces, "__kwdefaults__", {"calls": 7, "size": 1 << 20})
    models = models_of(write_classifier(tmp_path))
    calls = [call_of(number) for number in range(CALLS)]
    send(settings, [*calls, *calls[:10]])  # what was repeated after a crash upstream
    live = [call for number, call in enumerate(calls[:20]) if number not in PRIVATE_CALLS]
    requests = [request for call in live if (request := request_of(call, "tiny"))]
    answers = ask_champions(models, requests)
    send(settings, [answer_of(call, each) for call, each in zip(live, answers, strict=True)])

    first = backfill(settings, models)
    again = backfill(settings, models)
    newer = write_classifier(tmp_path, strength=3.0)
    second = backfill(settings, models_of(newer))

    wanted = {f"call-{number}" for number in range(CALLS)} - {
        f"call-{number}" for number in PRIVATE_CALLS
    }
    found = on_topic(settings, CLASSIFICATIONS)
    assert first.written.total() == len(wanted) - len(live)
    assert first.left[PRIVATE] == len(PRIVATE_CALLS) + 1  # one of them stands there twice
    assert (again.written.total(), again.failed) == (0, {})
    assert second.written.total() == len(wanted)
    assert second.left[ANSWERED] == 9
    ids = Counter(each.event_id for each in found)
    assert set(ids.values()) == {1}
    by_call = Counter(each.call_id for each in found)
    assert by_call == dict.fromkeys(wanted, 2)
    assert all(isinstance(each, CallClassified) and not each.is_shadow for each in found)
    assert not on_topic(settings, ALERTS)  # "i need you here now" was, while the calls went on


def test_only_calls_of_the_span_are_answered(settings: Settings, tmp_path: Path) -> None:
    send(settings, [call_of(number) for number in range(8)])

    done = backfill(settings, models_of(write_classifier(tmp_path)), Span(0, 1_000))

    assert (done.written.total(), done.left.total()) == (0, 0)


def test_calls_that_the_model_fails_for_cost_no_other_call_its_answer(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = models_of(write_classifier(tmp_path))
    send(settings, [call_of(number) for number in range(24)])
    real = Classifier._logits

    def failing(self: Classifier, windows: Sequence[Sequence[int]]) -> object:
        monday = self._tokenizer.token_to_id("monday")
        if any(monday in ids for ids in windows):
            return np.full((len(windows), self._columns[-1].stop), np.nan)
        return real(self, windows)

    monkeypatch.setattr(Classifier, "_logits", failing)

    done = backfill(settings, models)

    failing_calls = {n for n in range(24) if n % 4 == 1 and n not in PRIVATE_CALLS}
    assert done.failed.keys() == {f"call-{n}" for n in failing_calls}
    private = len([n for n in PRIVATE_CALLS if n < 24])
    assert done.written.total() == 24 - private - len(failing_calls)
    assert all("no finite logits" in reason for reason in done.failed.values())


def test_a_label_set_without_a_model_is_passed_over_or_refused(
    settings: Settings, tmp_path: Path
) -> None:
    none = str(tmp_path / "none")
    tiny = write_classifier(tmp_path / "tiny")
    send(settings, [call_of(number) for number in range(8)])
    routed = ClassificationModels({"tiny": str(tiny), "helpline": none}, default="helpline")

    done = backfill(settings, routed)

    assert (done.written.total(), done.left[NO_WEIGHTS]) == (0, 7)
    with pytest.raises(ConfigurationError, match="no model to answer with: helpline"):
        ClassifyAgain(ClassificationModels({"helpline": none}, default="helpline"))


def test_the_command_says_what_became_of_the_calls(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_classifier(tmp_path, label_set=LABEL_SET)
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__MODELS", f"tiny={manifest}")
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__LABEL_SET", "tiny")
    send(settings, [call_of(number) for number in range(20)])

    result = callstream(settings.kafka, "backfill", "classify", "--since", "1h")
    wrong = callstream(settings.kafka, "backfill", "classify", "--since", "1h", "--until", "2h")

    assert result.returncode == 0, result.stderr
    assert "18 calls classified" in result.stdout
    assert "4 of them abstained from: too_short" in result.stdout
    assert f"2 passed over: {PRIVATE}" in result.stdout
    assert wrong.returncode == 2
    assert "--since must be before --until" in wrong.stderr

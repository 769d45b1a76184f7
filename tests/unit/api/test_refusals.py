"""Every request that is not answered gets one sentence and a code."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from models.classification.store import ClassificationModels
from schemas.errors import ModelNotFoundError
from stream_app.api.classifier.served import ModelSource
from tests.support.api import connected
from tests.support.classification.tiny_classifier import LABEL_SET, write_classifier

CLASSIFY, BATCH, FEEDBACK = (
    "/classifier/classify",
    "/classifier/classify/batch",
    "/classifier/feedback",
)
JSON = {"Content-Type": "application/json"}
KEY = "k" * 20
CORRECTION = {"call_id": "c", "label_set": "shop", "task": "subject", "labels": ["Late"], "by": "A"}


def check(answer: httpx.Response, status: int, code: str, words: str = "") -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "message"}
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "body is missing"),
        (b"{", "not valid JSON"),
        (b"[]", "valid dictionary"),
        (b'{"narrative": "\\ud800"}', "not valid JSON"),
        (b'{"narrative": "\xff"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"{}", "text_transcript or as narrative"),
        (b'{"narrative": null}', "text_transcript or as narrative"),
        (b'{"narrative": "a", "text_transcript": "b"}', "one of the two"),
        (b'{"narrative": 1}', "narrative: "),
        (b'{"narrative": "a", "flat": "true"}', "flat: "),
        (b'{"narrative": "a", "text": "b"}', "text: "),
        (b'{"narrative": "a", "case_id": "a\\nb"}', "case_id: "),
        (b'{"narrative": "a", "label_set": "none"}', "label_set: there is none 'none', but shop"),
        (b'{"narrative": "a", "label_set": "../x.toml"}', "label_set: there is none"),
        (b'{"narrative": "a", "context": {"queue": "none"}}', "there is none 'none', but shop"),
    ],
)
async def test_what_is_not_valid_is_400(client: httpx.AsyncClient, body: bytes, words: str) -> None:
    check(await client.post(CLASSIFY, content=body, headers=JSON), 400, "invalid_request", words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "colour"}, "area, subject, moods, urgency"),
        ({"labels": ["Lost"]}, "Broken, Late, Refund"),
        ({"labels": ["Late", "Broken"]}, "one label a call"),
        ({"label_set": "none"}, "helpline, shop"),
        ({"label_set": "/etc/passwd"}, "no label set '/etc/passwd'"),
        ({"call_id": ""}, "call_id: "),
        ({"evidence": [""]}, "evidence.0: "),
        ({"note": "a" * 3_000}, "note: "),
    ],
)
async def test_feedback_that_cannot_be_meant_is_400_with_what_can(
    client: httpx.AsyncClient, change: dict[str, object], words: str
) -> None:
    answer = await client.post(FEEDBACK, json=CORRECTION | change)

    check(answer, 400, "invalid_request", words)


async def test_without_brokers_feedback_is_503_and_calls_are_classified(
    client: httpx.AsyncClient,
) -> None:
    check(await client.post(FEEDBACK, json=CORRECTION), 503, "brokers_unavailable", "not written")
    assert (await client.post(CLASSIFY, json={"narrative": "late"})).status_code == 200


def _without_weights(folder: Path) -> ClassificationModels:
    """Return models of which none has its weights; the label set of one lies beside them."""
    text = LABEL_SET.replace('name = "tiny"', 'name = "shop"')
    write_classifier(folder / "shop", label_set=text)
    (folder / "shop" / "tiny.onnx").write_bytes(b"short")
    sources = {"shop": str(folder / "shop"), "lost": str(folder / "lost")}
    return ClassificationModels(sources, default="shop")


@pytest.mark.parametrize("label_set", ["shop", "shop-2", "helpline", "helpline-1"])
async def test_feedback_needs_no_weights_and_takes_a_label_set_with_its_version(
    label_set: str, tmp_path: Path
) -> None:
    """Answers name a label set with its version."""
    async with connected(lambda: _without_weights(tmp_path)) as client:
        change = {"label_set": label_set, "task": "priority", "labels": ["High"]}
        check(await client.post(FEEDBACK, json=CORRECTION | change), 503, "brokers_unavailable")


async def test_feedback_on_a_label_set_that_cannot_be_read_is_503(tmp_path: Path) -> None:
    async with connected(lambda: _without_weights(tmp_path)) as client:
        for name, status, code in (
            ("lost", 503, "model_not_loaded"),
            ("shop-1", 400, "invalid_request"),
        ):
            change = {"label_set": name, "task": "priority", "labels": ["High"]}
            check(await client.post(FEEDBACK, json=CORRECTION | change), status, code)
            check(
                await client.post(CLASSIFY, json={"narrative": "a", "label_set": name}),
                status,
                code,
            )


async def test_a_label_set_with_its_version_is_asked(client: httpx.AsyncClient) -> None:
    answer = await client.post(CLASSIFY, json={"narrative": "late", "label_set": "shop-2"})

    assert (answer.status_code, answer.json()["label_set"]) == (200, "shop-2")


async def test_a_batch_has_a_limit() -> None:
    async with connected(max_batch=2) as client:
        calls = [{"narrative": "late"}] * 3
        fits = await client.post(BATCH, json={"calls": calls[:2]})
        check(await client.post(BATCH, json={"calls": calls}), 400, "invalid_request", "at most 2")
        check(await client.post(BATCH, json={"calls": []}), 400, "invalid_request", "calls: ")

    assert fits.status_code == 200


async def test_a_long_body_is_413_whether_its_length_is_declared_or_not() -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        yield b'{"narrative": "'
        for _ in range(count):
            yield b"a" * 100
        yield b'"}'

    async with connected(max_body_bytes=1_024) as client:
        declared = await client.post(CLASSIFY, json={"narrative": "a" * 1_024})
        chunked = await client.post(CLASSIFY, content=pieces(11), headers=JSON)
        fits = await client.post(CLASSIFY, content=pieces(9), headers=JSON)

    for answer in (declared, chunked):
        check(answer, 413, "body_too_long", "1024 bytes")
        assert answer.headers["connection"] == "close"
    assert fits.status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_body_that_is_not_declared_as_json_is_415(
    client: httpx.AsyncClient, content_type: str | None
) -> None:
    """Else any page in a browser could send one to this machine."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await client.post(CLASSIFY, content=b'{"narrative": "late"}', headers=headers)

    check(answer, 415, "not_json", "application/json")


async def test_without_a_model_the_answer_is_503_with_the_reason() -> None:
    def fail() -> ModelSource:
        raise ModelNotFoundError("no weights at runs/x")

    async with connected(fail) as client:
        check(
            await client.post(CLASSIFY, json={"narrative": "late"}),
            *(503, "model_not_loaded", "no weights at runs/x"),
        )
        ready, health = await client.get("/ready"), await client.get("/health")

    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ready.json()["models"][""]["error"] == "no weights at runs/x"
    assert health.json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-API-Key": KEY[:-1]}, 401),
        ({"X-API-Key": "ключ".encode()}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"X-API-Key": KEY}, 200),
        ({"Authorization": f"Bearer {KEY}"}, 200),
    ],
)
async def test_with_an_api_key_only_its_holder_is_answered(
    headers: dict[str, str], status: int
) -> None:
    """Health and readiness are open: a load balancer has no key."""
    async with connected(api_key=KEY) as client:
        answer = await client.post(CLASSIFY, json={"narrative": "late"}, headers=headers)
        metrics = await client.get("/metrics", headers=headers)
        opened = [(await client.get(path)).status_code for path in ("/health", "/ready")]

    assert (answer.status_code, metrics.status_code, opened) == (status, status, [200, 200])
    if status == 401:
        check(answer, 401, "unauthorized", "key")


async def test_more_requests_than_may_be_in_flight_are_429() -> None:
    """The first one has its place while its body comes."""
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"narrative": '
        has_begun.set()
        await may_end.wait()
        yield b'"late"}'

    async with connected(max_in_flight=1) as client:
        first = asyncio.create_task(client.post(CLASSIFY, content=slow(), headers=JSON))
        await has_begun.wait()
        refused = await client.post(CLASSIFY, json={"narrative": "late"})
        health = await client.get("/health")
        may_end.set()
        answered = await first
        after = await client.post(CLASSIFY, json={"narrative": "late"})

    check(refused, 429, "too_many_requests", "try again")
    assert refused.headers["retry-after"] == "1"
    assert [health.status_code, answered.status_code, after.status_code] == [200, 200, 200]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/classifier/nothing", 404, "not_found"),
        ("GET", CLASSIFY, 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_has_the_same_body(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    check(await client.request(method, path), status, code, "/openapi.json")


async def test_no_text_is_in_the_log_or_the_metrics(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in ("unreadable pomegranate", "late pomegranate"):
        await client.post(f"{CLASSIFY}?x=pomegranate", json={"narrative": text})
    await client.post("/pomegranate", json={})
    await client.post(CLASSIFY, json={"narrative": "late", "label_set": "pomegranate"})
    metrics = (await client.get("/metrics")).text
    logged = capsys.readouterr()

    assert "api.inference_failed" in logged.out + logged.err
    assert "pomegranate" not in logged.out + logged.err + metrics
    assert 'callstream_api_requests_total{agent="api",path="other",status="404"} 1.0' in metrics

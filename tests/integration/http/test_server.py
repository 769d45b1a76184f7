"""The HTTP server as a process: curl as the documents show it, signals, its port, corrections."""

import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from stream_app.settings import Settings
from tests.support.classification.tiny_classifier import write_classifier
from tests.support.system.command_line import callstream
from tests.support.system.http_server import LIMIT_S, NO_BROKER, Server, running
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
TRANSCRIPT = (
    '{"text_transcript": "The transcript of the call goes here. It needs to be a single string."}'
)
NARRATIVE = '{"narrative": "A 12-year-old girl is being abused by her stepfather."}'


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server without a broker."""
    with running(NO_BROKER) as server:
        yield server


@pytest.mark.parametrize("body", [TRANSCRIPT, NARRATIVE], ids=["transcript", "narrative"])
def test_both_requests_of_the_document_are_answered(server: Server, body: str) -> None:
    status, answer = server.post("/classifier/classify", body)

    assert status == 200
    assert re.fullmatch("c-[0-9a-f]{8}", orjson.loads(answer)["case_id"])


def test_a_long_body_is_refused_over_a_socket(server: Server, tmp_path: Path) -> None:
    """Declared and in chunks: curl sends the second form from a pipe."""
    path = tmp_path / "long.json"
    path.write_text(orjson.dumps({"narrative": "a" * 1_100_000}).decode())
    for extra in ((), ("-H", "Transfer-Encoding: chunked")):
        status, body = server.curl(
            "/classifier/classify",
            *("-H", "Content-Type: application/json", *extra, "--data-binary", f"@{path}"),
        )
        assert (status, orjson.loads(body)["code"]) == (413, "body_too_long")


def test_a_key_is_asked_for_where_one_is_set() -> None:
    with running(NO_BROKER, api_key="sesame") as server:
        refused, body = server.post("/classifier/classify", NARRATIVE)
        answered, _ = server.curl(
            "/classifier/classify",
            *("-H", "X-API-Key: sesame", "-H", "Content-Type: application/json", "-d", NARRATIVE),
        )

    assert (refused, orjson.loads(body)["code"], answered) == (401, "unauthorized", 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_good_order(number: signal.Signals) -> None:
    with running(NO_BROKER) as server:
        server.post("/classifier/classify", NARRATIVE)
        code, log = server.end(number)

    assert (code, log) == (0, "")


def test_a_request_that_is_being_read_is_answered_before_the_end() -> None:
    with running(NO_BROKER) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
            body = NARRATIVE.encode()
            head = (
                "POST /classifier/classify HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert b"100 Continue" in connection.recv(1_000)  # so the server waits for the body
            ending = threading.Thread(target=server.process.send_signal, args=(signal.SIGTERM,))
            ending.start()
            ending.join()
            connection.sendall(body)
            answer = connection.recv(100)
        server.process.communicate(timeout=LIMIT_S)

    assert answer.startswith(b"HTTP/1.1 200")
    assert server.process.returncode == 0


def test_a_port_in_use_is_one_line() -> None:
    with running(NO_BROKER) as server:
        port = server.url.rpartition(":")[2]
        answer = callstream(NO_BROKER, "serve", "--port", port)

    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: address already in use" in answer.stderr


def test_corrections_over_http_are_on_the_topic(any_broker: Settings) -> None:
    """Twenty calls on several partitions; an answer 200 means durable."""
    with running(any_broker.kafka) as server:
        for number in range(20):
            body = {"call_id": f"http-{number}", "label_set": "helpline", "task": "sub_category"}
            content = body | {"labels": ["bullying"], "by": "Ann", "evidence": [f"t{number}"]}
            status, answer = server.post("/classifier/feedback", orjson.dumps(content).decode())
            assert status == 200, answer
            assert orjson.loads(answer)["labels"] == ["Bullying"]
        listed = callstream(any_broker.kafka, "feedback", "list", "--json")

    rows = [orjson.loads(line) for line in listed.stdout.splitlines()]
    found = {row["call_id"]: (row["labels"], row["evidence"]) for row in rows}
    wanted = {f"http-{number}": (["Bullying"], [f"t{number}"]) for number in range(20)}
    assert {call: each for call, each in found.items() if call.startswith("http-")} == wanted


def test_the_command_serves_a_model_and_takes_up_a_new_version(tmp_path: Path) -> None:
    """Of another answer to the same text, while requests go on."""
    manifest = write_classifier(tmp_path)
    body = orjson.dumps({"narrative": "My phone number, please. Thank you."}).decode()

    with running(NO_BROKER, models=f"tiny={manifest}") as server:
        status, before = server.post("/classifier/classify", body)
        write_classifier(tmp_path, strength=0.5)

        def is_swapped() -> bool:
            status, content = server.post("/classifier/classify", body)
            assert status == 200, content
            answer = orjson.loads(content)
            return bool(answer["model_info"]["model"] != first["model_info"]["model"])

        first = orjson.loads(before)
        wait_until(is_swapped, lambda: "no new version", limit_s=LIMIT_S)
        code, _ = server.end(signal.SIGTERM)

    assert (status, code) == (200, 0)
    assert first["predictions"]["sub"]["label"] == "Phone"
    assert first["predictions"]["sub"]["evidence"][0]["text"] == "My phone number, please."
    assert first["model_info"]["model_path"] == str(manifest)


def test_without_weights_the_command_answers_503_with_the_reason(tmp_path: Path) -> None:
    with running(NO_BROKER, models=f"helpline={tmp_path / 'none.json'}") as server:
        status, body = server.post("/classifier/classify", NARRATIVE)
        ready, info = server.curl("/ready")

    assert (status, orjson.loads(body)["code"], ready) == (503, "model_not_loaded", 503)
    assert "none.json" in orjson.loads(body)["message"]
    assert "none.json" in orjson.loads(info)["models"]["helpline"]["error"]

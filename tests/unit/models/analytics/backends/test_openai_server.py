"""Any server with the completion API: llama.cpp's own on loopback, and one that misbehaves."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from models.analytics.backends.grammar import compiled
from models.analytics.backends.openai_server import OpenAiBackend, ServerOptions
from models.analytics.backends.protocol import Generated
from schemas.errors import ConfigurationError
from schemas.failed import Failed
from tests.support.analytics.asked import GRAMMAR, request_of, texts_of
from tests.support.analytics.tiny_llm import make_gguf, make_hugging_face

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
SCHEMA = {
    "type": "object",
    "properties": {"i": {"type": "null"}, "q": {"enum": [10, 20]}},
    "required": ["i", "q"],
    "additionalProperties": False,
}
ANSWER = '{"i":["c",3],"q":65}'


@pytest.fixture(scope="module")
def llama_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of llama.cpp's own HTTP server with a tiny model."""
    folder = tmp_path_factory.mktemp("served")
    base = make_gguf(
        make_hugging_face(folder / "hf", max_position_embeddings=1024), folder / "b.gguf"
    )
    options = {"base": str(base), "adapter": "", "socket": "127.0.0.1", "threads": 1}
    with subprocess.Popen(
        [sys.executable, "-m", "models.analytics.backends.llama_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[5],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(
            json.dumps(options | {"context_tokens": 1024, "is_exact": False}) + "\n"
        )
        process.stdin.flush()
        yield json.loads(process.stdout.readline())["serves"] + "/v1"
        process.stdin.close()


def test_a_grammar_is_followed_and_confidences_come_back(llama_url: str) -> None:
    backend = OpenAiBackend(ServerOptions(url=llama_url, guidance="llama", parallel=2))
    answers = backend.generate([request_of(number) for number in range(6)])
    backend.close()

    assert all(compiled(GRAMMAR).accepts(text) for text in texts_of(answers))
    first = answers[0]
    assert isinstance(first, Generated)
    assert "".join(text for text, _ in first.tokens) == first.text
    assert first.prompt_tokens > 0


def test_a_json_schema_is_followed(llama_url: str) -> None:
    """An answer of the schema, whose white space is taken out, is one of the grammar."""
    backend = OpenAiBackend(ServerOptions(url=llama_url, guidance="json_schema", alternatives=0))
    requests = [request_of(number, schema=SCHEMA, max_tokens=200) for number in range(3)]
    answers = backend.generate(requests)
    backend.close()

    assert set(texts_of(answers)) <= {'{"i":null,"q":10}', '{"i":null,"q":20}'}


def test_a_document_goes_through_completions(llama_url: str) -> None:
    backend = OpenAiBackend(ServerOptions(url=llama_url, guidance="llama"))
    (answer,) = backend.generate([request_of(form="document")])
    backend.close()

    assert isinstance(answer, Generated)
    assert answer.tokens


class Scripted(ThreadingHTTPServer):
    """Answers with what a test has put there, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, bytes]] = []
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def say(self, text: str, **fields: Any) -> None:
        """Answer one request with a text."""
        choice = {"message": {"content": text}, "finish_reason": "stop", **fields}
        self.answers.append((200, json.dumps({"choices": [choice]}).encode()))


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        """Answer with the next in line."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), json.loads(body)))
        code, content = self.server.answers.pop(0)
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: Scripted, request: Any = None, **options: Any) -> Generated | Failed:
    """Return what a back-end makes of the server's answers."""
    backend = OpenAiBackend(ServerOptions(url=server.url, **options))
    (answer,) = backend.generate([request or request_of()])
    backend.close()
    return answer


@pytest.mark.parametrize(
    ("guidance", "field", "content"),
    [
        ("llama", "grammar", GRAMMAR),
        ("vllm", "structured_outputs", {"grammar": GRAMMAR}),
        (
            "json_schema",
            "response_format",
            {
                "type": "json_schema",
                "json_schema": {"name": "call_analysis", "strict": True, "schema": SCHEMA},
            },
        ),
    ],
)
def test_a_server_is_told_in_its_way_what_an_answer_may_be(
    server: Scripted, guidance: Any, field: str, content: object
) -> None:
    server.say(ANSWER)
    ask(server, request_of(schema=SCHEMA), guidance=guidance, model="m", api_key="key")

    ((path, headers, body),) = server.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer key"
    assert body[field] == content
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0, 32)
    assert [each["role"] for each in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize("text", [ANSWER, f"```json\n{ANSWER}\n```", ANSWER.replace(",", ", ")])
def test_an_answer_is_taken_out_of_what_stands_around_it(server: Scripted, text: str) -> None:
    server.say(text)
    answer = ask(server)

    assert isinstance(answer, Generated)
    assert (answer.text, answer.tokens) == (ANSWER, ())


def test_an_answer_of_no_form_is_asked_for_again(server: Scripted) -> None:
    server.say("The customer lost a parcel.")
    server.say(ANSWER)
    answer = ask(server, attempts=2)

    assert isinstance(answer, Generated)
    first, second = (body for _, _, body in server.asked)
    assert first["temperature"] == 0 < second["temperature"]


def test_answers_of_no_form_are_a_failure_in_the_end(server: Scripted) -> None:
    server.say('{"i":["z",3],"q":65}')
    server.say("", finish_reason="length")
    answer = ask(server, attempts=2)

    assert isinstance(answer, Failed)
    assert not answer.retryable


@pytest.mark.parametrize(
    ("code", "content", "reason", "is_retryable"),
    [
        (503, b'{"error":{"message":"loading"}}', "HTTP 503: loading", True),
        (429, b"slow down", "HTTP 429: slow down", True),
        (401, b'{"error":"bad key"}', "HTTP 401: bad key", False),
        (200, b"<html>", "not of the completion API", False),
        (200, b'{"choices":[]}', "not of the completion API", False),
        (200, b"[]", "not of the completion API", False),
    ],
)
def test_a_server_that_refuses_is_a_failure_that_says_whether_to_try_again(
    server: Scripted, code: int, content: bytes, reason: str, is_retryable: bool
) -> None:
    server.answers.append((code, content))
    answer = ask(server)

    assert isinstance(answer, Failed)
    assert reason in answer.reason
    assert answer.retryable is is_retryable


def test_tokens_of_the_older_form_of_the_api_give_confidences(server: Scripted) -> None:
    told = {
        "tokens": ['{"i":["', "c", '",3],"q":65}'],
        "token_logprobs": [0.0, -0.7, 0.0],
        "top_logprobs": [None, {"c": -0.7, "d": -0.7, "a": -30.0}, {'",3],"q":65}': 0.0}],
    }
    server.answers.append(
        (200, json.dumps({"choices": [{"text": ANSWER, "logprobs": told}]}).encode())
    )
    answer = ask(server, request_of(form="document"))

    assert isinstance(answer, Generated)
    assert [round(share, 2) for _, share in answer.tokens] == [1.0, 0.5, 1.0]
    assert server.asked[0][0] == "/v1/completions"


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="like http://localhost:8000/v1, not 'here'"):
        OpenAiBackend(ServerOptions(url="here"))

"""A token endpoint on the loopback address."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

WORD = "s3cret"


@dataclass
class TokenEndpoint:
    """A running endpoint.

    Attributes:
        answers: Status and body, one for each request; the last one for all further ones.
        asked: Authorization and form fields of each request.
    """

    url: str
    answers: list[tuple[int, bytes]]
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    @property
    def login(self) -> dict[str, str]:
        """The settings of a client that logs in with its tokens."""
        return {
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_oauth_endpoint_url": self.url,
            "sasl_oauth_client_id": "worker",
            "sasl_oauth_client_secret": WORD,
        }


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """An endpoint that gives the token ``t1``, which holds for an hour."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            endpoint.asked.append((self.headers["Authorization"], parse_qs(form)))
            answers = endpoint.answers
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_port}/token"
        endpoint = TokenEndpoint(url, [(200, b'{"access_token":"t1","expires_in":3600}')])
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            serving.join()


def jwt(*, header: dict[str, object] | None = None, signature: str = "", **claims: object) -> str:
    """Return a JSON web token; without a signature one that says so."""
    parts = (header or {"alg": "none"}, claims)
    coded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return ".".join((*(part.rstrip("=") for part in coded), signature))

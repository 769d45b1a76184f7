"""Tokens for a login: asked for once, renewed in time, and an error that says what is wrong."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.errors import BrokerError, CallstreamError, ConfigurationError
from stream_app.settings import Settings
from stream_app.transport.access.check import check_brokers
from stream_app.transport.clients import client_options
from stream_app.transport.security.oauth import (
    UNKNOWN_LIFETIME_S,
    Authenticator,
    Endpoint,
    Token,
    TokenProvider,
    read_token,
    request_token,
)
from stream_app.transport.security.sasl import TokenError
from tests.support.system.token_endpoint import WORD, TokenEndpoint, jwt, token_endpoint


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    """An endpoint that gives tokens of an hour."""
    with token_endpoint() as running:
        yield running


def settings_of(endpoint: TokenEndpoint, **changes: str) -> Settings:
    kafka = {"security_protocol": "SASL_PLAINTEXT", **endpoint.login, **changes}
    return Settings().replace(kafka=kafka)


def request(endpoint: TokenEndpoint, password: str = WORD) -> Token:
    return request_token(Endpoint(endpoint.url, "call:worker", SecretStr(password)))


async def test_clients_of_one_process_share_a_token(endpoint: TokenEndpoint) -> None:
    """Also those of other threads, and of settings that differ in something else."""
    settings = settings_of(
        endpoint, sasl_oauth_scope="kafka calls", sasl_oauth_extensions="pool=p-1"
    )
    other = settings.replace(kafka={"partitions": 3})
    providers = [client_options(s.kafka)["sasl_oauth_token_provider"] for s in (settings, other)]

    tokens = await asyncio.gather(*(provider.token() for provider in providers * 5))

    assert set(tokens) == {"t1"}
    credentials = base64.b64encode(b"worker:s3cret").decode()
    form = {"grant_type": ["client_credentials"], "scope": ["kafka calls"]}
    assert endpoint.asked == [(f"Basic {credentials}", form)]
    assert providers[0].extensions() == {"pool": "p-1"}


def test_name_and_secret_are_encoded_as_the_standard_has_it(endpoint: TokenEndpoint) -> None:
    request(endpoint, "a:b/c d%")

    (said, form) = endpoint.asked[0]
    assert base64.b64decode(said.removeprefix("Basic ")) == b"call%3Aworker:a%3Ab%2Fc+d%25"
    assert form == {"grant_type": ["client_credentials"]}


@pytest.mark.parametrize(
    ("answer", "lifetime_s"),
    [
        ({"access_token": "t", "expires_in": 300}, 300),
        ({"access_token": "t", "expires_in": "300"}, 300),
        ({"access_token": "t"}, UNKNOWN_LIFETIME_S),
        ({"access_token": "t", "expires_in": "soon"}, UNKNOWN_LIFETIME_S),
        ({"access_token": jwt(sub="worker")}, UNKNOWN_LIFETIME_S),
        ({"access_token": jwt(exp=1)}, UNKNOWN_LIFETIME_S),
        ({"access_token": "a.b.c"}, UNKNOWN_LIFETIME_S),
    ],
)
def test_a_token_holds_for_as_long_as_anybody_says(
    endpoint: TokenEndpoint, answer: dict[str, object], lifetime_s: float
) -> None:
    endpoint.answers = [(200, json.dumps(answer).encode())]

    token = request(endpoint)

    assert (token.text, token.lifetime_s) == (answer["access_token"], lifetime_s)


def test_a_token_itself_may_say_when_it_expires(endpoint: TokenEndpoint) -> None:
    text = jwt(exp=time.time() + 900)
    endpoint.answers = [(200, json.dumps({"access_token": text}).encode())]

    assert request(endpoint).lifetime_s == pytest.approx(900, abs=60)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b'{"error":"invalid_client"}', "answers 401 invalid_client"),
        (
            400,
            b'{"error":"invalid_scope","error_description":"no such scope"}',
            "answers 400 invalid_scope: no such scope",
        ),
        (503, b"<html>", "answers 503"),
        (302, b"", "answers 302"),
        (200, b"[]", "answers without an access_token"),
        (200, b'{"access_token":""}', "answers without an access_token"),
    ],
)
def test_an_endpoint_that_gives_no_token_says_why(
    endpoint: TokenEndpoint, status: int, body: bytes, reason: str
) -> None:
    """A redirection is not followed: the secret is for this endpoint alone."""
    endpoint.answers = [(status, body)]

    with pytest.raises(TokenError, match=f"token endpoint {endpoint.url} {reason}$") as raised:
        request(endpoint)

    assert WORD not in str(raised.value)


def test_an_endpoint_that_is_not_there_is_named() -> None:
    with pytest.raises(TokenError, match=r"http://127\.0\.0\.1:1/token does not answer"):
        request_token(Endpoint("http://127.0.0.1:1/token", "worker", SecretStr(WORD)))


class Source:
    """Gives tokens ``1``, ``2`` .. of a hundred seconds, or none while it is away."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.given = 0
        self.asked = 0
        self.is_away = False
        self.provider = TokenProvider(self.fetch, {}, now_s=lambda: self.now_s)

    def fetch(self) -> Token:
        """Return the next token."""
        self.asked += 1
        if self.is_away:
            raise TokenError("away")
        self.given += 1
        return Token(str(self.given), 100.0)

    async def at(self, now_s: float) -> str:
        """Return the token that a connection at this time shows."""
        self.now_s = now_s
        return await self.provider.token()


async def test_a_token_is_renewed_before_it_expires() -> None:
    source = Source()

    assert [await source.at(s) for s in (0, 79, 80, 159, 160)] == ["1", "1", "2", "2", "3"]


async def test_without_the_endpoint_a_token_serves_until_it_expires() -> None:
    """The endpoint is asked again at intervals, not for every connection."""
    source = Source()
    await source.at(0)
    source.is_away = True

    assert [await source.at(s) for s in (80, 81, 84, 86, 99)] == ["1"] * 5
    assert source.asked == 1 + 3
    with pytest.raises(TokenError, match="away"):
        await source.at(100)
    source.is_away = False
    assert await source.at(101) == "2"


async def test_a_token_file_is_read_again_for_each_connection(tmp_path: Path) -> None:
    """Somebody else renews it."""
    path = tmp_path / "token"
    path.write_text("first\n")
    kafka = {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "OAUTHBEARER",
        "sasl_oauth_token_file": str(path),
    }
    provider = client_options(Settings().replace(kafka=kafka).kafka)["sasl_oauth_token_provider"]

    assert await provider.token() == "first"
    path.write_text("second\n")
    assert await provider.token() == "second"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read: .*No such file"), (b" \n", "is empty"), (b"\xff", "cannot be read")],
)
def test_a_token_file_without_a_token_is_named(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(TokenError, match=f"the token file {path} {problem}"):
        read_token(path)


async def test_a_refusal_is_answered_so_that_the_broker_tells_of_it() -> None:
    """Aiokafka takes the broker's first answer for the end, whatever it is."""
    refused, accepted = (Authenticator(sasl_oauth_token_provider=Source().provider) for _ in "ab")

    assert await refused.step(None) == (b"n,,\x01auth=Bearer 1\x01\x01", True)
    assert await refused.step(b'{"status":"invalid_token"}') == (b"\x01", True)
    await accepted.step(None)
    assert await accepted.step(b"") is None


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [(401, ConfigurationError, "; correct .*SASL_OAUTH_CLIENT_ID"), (503, BrokerError, "503$")],
)
async def test_without_a_token_no_broker_is_asked(
    endpoint: TokenEndpoint, status: int, kind: type[CallstreamError], advice: str
) -> None:
    """An endpoint that is ill may get well: then it is worth another try."""
    endpoint.answers = [(status, b"")]
    options = client_options(settings_of(endpoint).kafka)

    with pytest.raises(kind, match=f"no token to log in with: the token endpoint .*{advice}"):
        await check_brokers(options)

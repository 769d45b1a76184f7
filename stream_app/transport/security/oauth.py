"""Tokens for a login with OAUTHBEARER: from a token endpoint, or from a file.

Source: RFC 6749, section 4.4 (client credentials); RFC 7628 (the login and its extensions).
"""

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import quote_plus

import aiokafka.conn
import httpx
import orjson
import structlog
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import OAuthAuthenticator
from pydantic import SecretStr

from stream_app.settings import KafkaSettings
from stream_app.transport.security.sasl import TokenError

ANSWER_TIMEOUT_S = 10.0
RENEWED_AT = 0.8  # of its lifetime: brokers' clocks differ, and the endpoint may be away
UNKNOWN_LIFETIME_S = 60.0  # of a token that says nothing of it
RETRY_S = 5.0  # with a token that is still good, the endpoint is not asked more often
MAX_REASON = 300  # characters
REFUSALS = (400, 401, 403, 404)  # what will not be otherwise the next time

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A token endpoint, and as whom to ask it.

    Attributes:
        scope: What the token is for; empty where the endpoint decides.
    """

    url: str
    client_id: str
    client_secret: SecretStr
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and for how long it holds from when it was asked for."""

    text: str
    lifetime_s: float


class TokenProvider(AbstractTokenProvider):  # type: ignore[misc]
    """The token that a new connection shows, renewed before it expires.

    Clients of several threads share one. A connection that is open keeps its token: the brokers
    close it when that expires (``connections.max.reauth.ms``), and the next one has a newer token.

    Args:
        fetch: Returns a new token, or raises `TokenError`; may block.
        extensions: Pairs that go to the brokers beside the token.
    """

    def __init__(
        self,
        fetch: Callable[[], Token],
        extensions: Mapping[str, str],
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._extensions = dict(extensions)
        self._now_s = now_s
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_s = self._expires_s = 0.0

    async def token(self) -> str:
        """Return a token that holds.

        Raises:
            TokenError: There is none to be had.
        """
        return await asyncio.to_thread(self._current)

    def extensions(self) -> dict[str, str]:
        """Return what goes to the brokers beside the token."""
        return self._extensions

    def _current(self) -> str:
        with self._lock:
            asked_s = self._now_s()
            if self._token is None or asked_s >= self._renew_s:
                self._renew(asked_s)
            assert self._token is not None
            return self._token.text

    def _renew(self, asked_s: float) -> None:
        try:
            token = self._fetch()
        except TokenError as error:
            if self._token is None or self._now_s() >= self._expires_s:
                raise
            log.warning("token.not_renewed", reason=str(error))
            self._renew_s = min(self._now_s() + RETRY_S, self._expires_s)
            return
        self._token = token
        self._renew_s = asked_s + RENEWED_AT * token.lifetime_s
        self._expires_s = asked_s + token.lifetime_s


class Authenticator(OAuthAuthenticator):  # type: ignore[misc]
    """The login of aiokafka, which takes a refusal for a success.

    The broker tells of it only once its first answer, which says why, has been answered
    (RFC 7628, section 3.2.3). Without that the connection stays, and its next answer is nonsense.
    """

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Return what to send next and whether an answer comes, None at the end."""
        if payload:
            return b"\x01", True
        following: tuple[bytes, bool] | None = await super().step(payload)
        return following


def provider_of(kafka: KafkaSettings) -> TokenProvider:
    """Return what gives tokens for these settings, the same for all clients of the process."""
    aiokafka.conn.OAuthAuthenticator = Authenticator
    if kafka.sasl_oauth_token_file:
        return _file_provider(kafka.sasl_oauth_token_file, kafka.sasl_oauth_extensions)
    endpoint = Endpoint(
        kafka.sasl_oauth_endpoint_url,
        kafka.sasl_oauth_client_id,
        kafka.sasl_oauth_client_secret,
        kafka.sasl_oauth_scope,
    )
    return _endpoint_provider(endpoint, kafka.sasl_oauth_extensions)


@lru_cache
def _file_provider(path: str, extensions: str) -> TokenProvider:
    return TokenProvider(partial(read_token, Path(path)), pairs_of(extensions))


@lru_cache
def _endpoint_provider(endpoint: Endpoint, extensions: str) -> TokenProvider:
    return TokenProvider(partial(request_token, endpoint), pairs_of(extensions))


def pairs_of(extensions: str) -> dict[str, str]:
    """Return the pairs of ``name=value,..``."""
    pairs = (pair.partition("=") for pair in extensions.split(",") if pair.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def read_token(path: Path) -> Token:
    """Return the token in a file, which somebody else renews: it is read for each connection.

    Raises:
        TokenError: There is no such file, or nothing in it.
    """
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenError(f"the token file {path} cannot be read: {error}") from error
    if not text:
        raise TokenError(f"the token file {path} is empty")
    return Token(text, 0.0)


def request_token(endpoint: Endpoint) -> Token:
    """Return a new token of an endpoint.

    Raises:
        TokenError: It does not answer, or gives none.
    """
    fields = {"grant_type": "client_credentials"}
    if endpoint.scope:
        fields["scope"] = endpoint.scope
    try:
        answer = httpx.post(
            endpoint.url,
            data=fields,
            headers={"Authorization": _basic(endpoint), "Accept": "application/json"},
            timeout=ANSWER_TIMEOUT_S,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise TokenError(f"the token endpoint {endpoint.url} does not answer: {reason}") from error
    values = _values(answer)
    if answer.status_code != httpx.codes.OK:
        said = (str(values[key]) for key in ("error", "error_description") if key in values)
        text = f"the token endpoint {endpoint.url} answers {answer.status_code}"
        message = f"{text} {': '.join(said)[:MAX_REASON]}".rstrip()
        raise TokenError(message, is_setting=answer.status_code in REFUSALS)
    token = values.get("access_token")
    if not isinstance(token, str) or not token:
        raise TokenError(f"the token endpoint {endpoint.url} answers without an access_token")
    return Token(token, _lifetime_s(values.get("expires_in"), token))


def _basic(endpoint: Endpoint) -> str:
    """Return the header of the client's own login, encoded as RFC 6749, section 2.3.1, has it."""
    names = (endpoint.client_id, endpoint.client_secret.get_secret_value())
    pair = ":".join(quote_plus(name) for name in names)
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _values(answer: httpx.Response) -> dict[str, object]:
    try:
        values = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return values if isinstance(values, dict) else {}


def _lifetime_s(expires_in: object, text: str) -> float:
    """Return how long a token holds: as the endpoint says, else as the token itself does."""
    try:
        lifetime_s = float(str(expires_in))
    except ValueError:
        lifetime_s = _expiry_s(text) - time.time()
    return lifetime_s if 0.0 < lifetime_s < float("inf") else UNKNOWN_LIFETIME_S


def _expiry_s(text: str) -> float:
    """Return when a token expires (Unix, s) if it is a JWT that says so, else 0."""
    _, _, rest = text.partition(".")
    part, _, _ = rest.partition(".")
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"])
    except (ValueError, TypeError, KeyError):
        return 0.0

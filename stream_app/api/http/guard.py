"""What stands before every path: the API key, the limits of bodies and requests, the metrics."""

import asyncio
import hmac
import time
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_app.api.http.errors import ApiError
from stream_app.api.http.json_form import is_json
from stream_app.api.http.metrics import ApiMetrics
from stream_app.settings import ApiSettings

OPEN_PATHS = frozenset({"/health", "/ready", "/openapi.json"})  # need no key, and are never refused
BODY_TIMEOUT_S = 30.0
OTHER_PATH = "other"
_CLOSE = {"Connection": "close"}  # what is left of the body is not read
_CLIENT_GONE = 499  # in the metrics: nobody reads that answer
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Guard:
    """Lets a request through to an application with its body read, or answers it with an error.

    Args:
        app: The application.
        settings: The key and the limits.
        metrics: Counts what was answered.
        paths: Those that the metrics name.
    """

    def __init__(
        self, app: ASGIApp, settings: ApiSettings, metrics: ApiMetrics, paths: Collection[str]
    ) -> None:
        self._app = app
        self._key = settings.api_key.get_secret_value().encode()
        self._max_body_bytes = settings.max_body_bytes
        self._max_in_flight = settings.max_in_flight
        self._metrics = metrics
        self._paths = paths
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s, status = time.perf_counter(), _CLIENT_GONE

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._admit(scope, receive, send_noted)
        finally:
            path = scope["path"] if scope["path"] in self._paths else OTHER_PATH
            self._metrics.observe_request(path, status, time.perf_counter() - started_s)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            self._check_key(Headers(scope=scope))
            self._take_place()
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        try:
            await self._with_body(scope, receive, send)
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.set(self._in_flight)

    def _check_key(self, headers: Headers) -> None:
        """Compare in constant time, so that no part of the key can be guessed."""
        if not self._key:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.casefold() == "bearer" else ""
        given = headers.get("x-api-key") or bearer
        if not hmac.compare_digest(given.encode("latin-1", "replace"), self._key):
            message = (
                "The API key is wrong." if given else "Send the API key in the header X-API-Key."
            )
            raise ApiError(401, "unauthorized", message, {"WWW-Authenticate": "Bearer", **_CLOSE})

    def _take_place(self) -> None:
        if self._in_flight >= self._max_in_flight:
            message = f"{self._in_flight} requests are being answered; try again in a second."
            raise ApiError(429, "too_many_requests", message, {"Retry-After": "1", **_CLOSE})
        self._in_flight += 1
        self._metrics.in_flight.set(self._in_flight)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._read(Headers(scope=scope), scope["method"], receive)
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        if body is None:
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, send)

    async def _read(self, headers: Headers, method: str, receive: Receive) -> bytes | None:
        """Return the body; None if the client has gone.

        Raises:
            ApiError: It is too long, comes too slowly, or is not declared as JSON.
        """
        declared = headers.get("content-length", "0")
        if declared.isdecimal() and int(declared) > self._max_body_bytes:
            raise self._too_long()
        body = bytearray()
        has_more = True
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while has_more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    has_more = message.get("more_body", False)
                    if len(body) > self._max_body_bytes:
                        raise self._too_long()
        except TimeoutError as error:
            sentence = f"The body did not come within {BODY_TIMEOUT_S:g} seconds."
            raise ApiError(408, "body_timeout", sentence, _CLOSE) from error
        if body and method in _WITH_BODY and not is_json(headers.get("content-type", "")):
            sentence = "Send the body as JSON, with the header Content-Type: application/json."
            raise ApiError(415, "not_json", sentence)
        return bytes(body)

    def _too_long(self) -> ApiError:
        message = f"The body may have {self._max_body_bytes} bytes."
        return ApiError(413, "body_too_long", message, _CLOSE)

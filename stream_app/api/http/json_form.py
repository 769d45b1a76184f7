"""JSON in and out, by orjson: what is no Unicode text, or no number of JSON, is refused."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute


class JsonResponse(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(orjson.dumps(content), status_code, headers)


class JsonRequest(Request):
    """A request whose body is JSON."""

    async def json(self) -> Any:
        """Return the body.

        Raises:
            json.JSONDecodeError: It is not JSON.
        """
        return orjson.loads(await self.body())


class JsonRoute(APIRoute):
    """A path whose bodies are read by orjson."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def answer_json(request: Request) -> Response:
            return await answer(JsonRequest(request.scope, request.receive))

        return answer_json


def is_json(content_type: str) -> bool:
    """Return whether a header ``Content-Type`` declares JSON, in UTF-8 if it says."""
    kind, *parameters = (part.strip().casefold() for part in content_type.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters)
    charsets = {value.strip(' "') for name, _, value in pairs if name.strip() == "charset"}
    return kind == "application/json" and charsets <= {"utf-8", "utf8", "us-ascii"}

"""What the server answers where it cannot do what it was asked: one sentence and a code."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from stream_app.api.http.json_form import JsonResponse

_CODES = {404: "not_found", 405: "method_not_allowed"}
_SENTENCES = {
    404: "There is no such path; /openapi.json lists those that there are.",
    405: "The path does not take this method; /openapi.json says which it takes.",
}
_OWN_ERROR = "Value error, "  # what pydantic puts before the text of a validator of ours

log = structlog.get_logger(__name__)


class ErrorBody(BaseModel):
    """The body of every answer that is an error."""

    code: str = Field(description="For programs.", examples=["invalid_request"])
    message: str = Field(description="One sentence for people: what is wrong and what to do.")


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        status: Of HTTP.
        code: For programs.
        message: One sentence for people; holds nothing of the text of a call.
        headers: Of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> JsonResponse:
        """Return the answer."""
        content = {"code": self.code, "message": self.message}
        return JsonResponse(content, self.status, self.headers)


def invalid(message: str) -> ApiError:
    """Return the error of a request that breaks a rule."""
    return ApiError(400, "invalid_request", message)


def answer_errors(app: FastAPI) -> None:
    """Have an application answer every error with an `ErrorBody`."""
    app.add_exception_handler(ApiError, _own)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(Exception, _unexpected)


def errors_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a path as OpenAPI describes them."""
    meanings = {
        400: "The request is not valid.",
        401: "The API key is missing or wrong.",
        408: "The body did not come in time.",
        413: "The body is too long.",
        415: "The body is not declared as JSON.",
        429: "Too many requests are being answered.",
        500: "The server failed.",
        503: "What the request needs is not there now.",
    }
    return {status: {"model": ErrorBody, "description": meanings[status]} for status in statuses}


async def _own(_: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, ApiError)
    return error.response()


async def _not_valid(_: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, RequestValidationError)
    return invalid(_sentence(error.errors())).response()


async def _of_framework(_: Request, error: Exception) -> JsonResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code
    message = _SENTENCES.get(status, "The request cannot be answered.")
    return ApiError(status, _CODES.get(status, "refused"), message, error.headers).response()


async def _unexpected(request: Request, error: Exception) -> JsonResponse:
    """Answer what no code expected; its message may hold text of a call, so it is not logged."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    at = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    log.error("api.request_failed", path=request.url.path, error=type(error).__name__, at=at)
    return ApiError(500, "internal", "The server failed; its log says where.").response()


def _sentence(problems: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong first; the values themselves may be private."""
    first = problems[0]
    if first["type"] == "json_invalid":
        return "The body is not valid JSON."
    place = ".".join(str(part) for part in first["loc"][1:])
    text = str(first["msg"]).removeprefix(_OWN_ERROR)
    if not place:
        return "The body is missing: send a JSON object." if first["type"] == "missing" else text
    return f"{place}: {text}"

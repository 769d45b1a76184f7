"""A client of the completion API that llama.cpp, vLLM, Ollama and others serve."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import httpx
import msgspec

from models.analytics.backends.grammar import SampledToken, compiled
from models.analytics.backends.protocol import Generated
from schemas.errors import InferenceError
from schemas.failed import Failed

if TYPE_CHECKING:
    from models.analytics.backends.protocol import Request

# How a server is told what an answer may be
Guidance = Literal["llama", "vllm", "json_schema", "none"]
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
_MAX_REASON = 160  # characters of what a server says
_NAME = "call_analysis"  # of the schema


class ServerError(InferenceError):
    """A server that does not answer, or refuses."""

    def __init__(self, reason: str, *, is_retryable: bool) -> None:
        super().__init__(reason)
        self.retryable = is_retryable


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionOptions:
    """How a server is asked.

    Attributes:
        model: Name that the server knows it by; empty for servers of one model.
        guidance: What the server takes: the ``grammar`` of llama.cpp, the
            ``structured_outputs`` of vLLM, the ``response_format`` of the OpenAI API, or nothing.
        alternatives: Most likely tokens that are told beside each; 0 asks for no probabilities.
    """

    model: str = ""
    guidance: Guidance = "json_schema"
    alternatives: int = 20


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What a server wrote.

    Attributes:
        text: As it came.
        tokens: Of the text; empty where the server tells none.
        is_whole: The model ended it; it was not cut at the limit of tokens.
        usage: Tokens of the prompt, of them cached, and of the answer.
        prompt_s: Time for the prompt; -1 where unknown.
        answer_s: Time for the answer, or for all.
    """

    text: str
    tokens: tuple[SampledToken, ...]
    is_whole: bool
    usage: tuple[int, int, int]
    prompt_s: float
    answer_s: float


class CompletionClient:
    """Asks one server. Any thread may call any method.

    Args:
        http: With the address of the server, its key and the time that an answer may take.
        options: How it is asked.
    """

    def __init__(self, http: httpx.Client, options: CompletionOptions) -> None:
        self._http = http
        self._options = options

    def complete(self, request: Request) -> Completion:
        """Return the completion of a prompt.

        Raises:
            ServerError: There is none.
        """
        begin = time.perf_counter()
        if request.form == "chat":
            content = self.post("chat/completions", self._chat(request))
        else:
            content = self.post("completions", self._document(request))
        return _completion(content, time.perf_counter() - begin)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON that a server answers.

        Raises:
            ServerError: It does not answer, or refuses.
        """
        try:
            response = self._http.post(path, json=body)
        except httpx.TimeoutException as error:
            limit = self._http.timeout.read
            raise ServerError(f"no answer within {limit:g} s", is_retryable=True) from error
        except httpx.TransportError as error:
            reason = f"{self._http.base_url} cannot be reached: {error}"
            raise ServerError(reason, is_retryable=True) from error
        code = response.status_code
        if response.is_error:
            is_retryable = code == TOO_MANY_REQUESTS or code >= SERVER_ERROR
            raise ServerError(f"HTTP {code}: {_said(response)}", is_retryable=is_retryable)
        try:
            return response.json()
        except ValueError as error:
            raise _foreign() from error

    def _chat(self, request: Request) -> dict[str, Any]:
        body = {"messages": request.prompt.messages, **self._shared(request)}
        if self._options.alternatives:
            body |= {"logprobs": True, "top_logprobs": self._options.alternatives}
        return body

    def _document(self, request: Request) -> dict[str, Any]:
        body = {"prompt": request.prompt.text, **self._shared(request)}
        if self._options.alternatives:
            body["logprobs"] = self._options.alternatives
        return body

    def _shared(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        }
        if request.temperature:
            body["seed"] = request.seed
        if self._options.model:
            body["model"] = self._options.model
        return body | _guided(request, self._options.guidance)


def _guided(request: Request, guidance: Guidance) -> dict[str, Any]:
    """Return the part of a body that says what an answer may be."""
    if guidance == "llama":
        return {"grammar": request.grammar}
    if guidance == "vllm":
        return {"structured_outputs": {"grammar": request.grammar}}
    if guidance == "json_schema" and request.schema is not None:
        schema = {"name": _NAME, "strict": True, "schema": request.schema}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {}


def judged(completion: Completion, request: Request) -> Generated | Failed:
    """Return a completion as an answer; a failure where the grammar does not accept it."""
    grammar = compiled(request.grammar)
    prompt_tokens, cached_tokens, answer_tokens = completion.usage
    if not completion.is_whole:
        reason = f"the answer was cut after {answer_tokens} tokens"
        return Failed(reason, retryable=False)
    is_as_written = grammar.accepts(completion.text)
    text = completion.text if is_as_written else _compact(completion.text)
    if not is_as_written and not grammar.accepts(text):
        return Failed("the answer is not of the form that was asked for", retryable=False)
    is_told = b"".join(each.content for each in completion.tokens) == text.encode()
    return Generated(
        text=text,
        tokens=grammar.confidences(completion.tokens) if is_told else (),
        prompt_tokens=prompt_tokens,
        answer_tokens=answer_tokens,
        cached_tokens=cached_tokens,
        prompt_s=completion.prompt_s,
        answer_s=completion.answer_s,
    )


def _compact(text: str) -> str:
    """Return the JSON object in a text without white space; the text itself where it has none."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        content = json.loads(text[begin : end + 1])
    except ValueError:
        return text
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _completion(content: Any, took_s: float) -> Completion:
    """Return what a server's JSON says.

    Raises:
        ServerError: It is not of the completion API.
    """
    try:
        choice = content["choices"][0]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        timings, usage = content.get("timings"), content.get("usage") or {}
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        return Completion(
            text=text or "",
            tokens=_tokens(choice.get("logprobs")),
            is_whole=choice.get("finish_reason") != "length",
            usage=(usage.get("prompt_tokens", 0), cached, usage.get("completion_tokens", 0)),
            prompt_s=timings["prompt_ms"] / 1_000 if timings else -1.0,
            answer_s=timings["predicted_ms"] / 1_000 if timings else took_s,
        )
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _foreign() from error


def _tokens(told: Any) -> tuple[SampledToken, ...]:
    """Return the tokens that have a text, in either form of the API."""
    if not told:
        return ()
    if "content" not in told:
        return _legacy_tokens(told)
    tokens = (
        SampledToken(
            _bytes_of(each),
            each["logprob"],
            tuple((_bytes_of(other), other["logprob"]) for other in each.get("top_logprobs") or ()),
        )
        for each in told["content"] or ()
    )
    return tuple(each for each in tokens if each.content)


def _legacy_tokens(told: Any) -> tuple[SampledToken, ...]:
    tops = told.get("top_logprobs") or [{}] * len(told["tokens"])
    return tuple(
        SampledToken(
            text.encode(), value, tuple((key.encode(), each) for key, each in (top or {}).items())
        )
        for text, value, top in zip(told["tokens"], told["token_logprobs"], tops, strict=True)
        if text
    )


def _bytes_of(token: Any) -> bytes:
    content = token.get("bytes")
    return bytes(content) if content is not None else str(token["token"]).encode()


def _said(response: httpx.Response) -> str:
    """Return what a server says of an error, in one line."""
    try:
        content = response.json()
        error = content.get("error", content)
        text = error.get("message", "") if isinstance(error, dict) else str(error)
    except (ValueError, AttributeError):
        text = response.text
    return " ".join(str(text).split())[:_MAX_REASON] or response.reason_phrase


def _foreign() -> ServerError:
    return ServerError("the server's answer is not of the completion API", is_retryable=False)

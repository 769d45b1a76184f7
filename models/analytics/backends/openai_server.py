"""A server elsewhere with the completion API: vLLM, llama.cpp, Ollama, or a service."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import msgspec

from models.analytics.backends.completions import (
    CompletionClient,
    CompletionOptions,
    Guidance,
    ServerError,
    judged,
)
from schemas.errors import ConfigurationError
from schemas.failed import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.backends.protocol import Generated, Request

_BYTES_A_TOKEN = 3.0  # English has 4 and more in the usual vocabularies: prompts stay short enough
_RETRY_TEMPERATURE = 0.3  # an answer of no form comes again at 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """A server, and how it is asked.

    Attributes:
        url: Up to the version: ``http://localhost:8000/v1``.
        api_key: Sent as a bearer token; empty without.
        model: Name that the server knows it by.
        guidance: What the server takes; see `CompletionOptions`.
        timeout_s: For one answer.
        parallel: Requests at a time.
        attempts: Times that a server is asked whose answers are of no form.
        alternatives: Tokens that are told beside each, for the confidences; 0 asks for none.
    """

    url: str
    api_key: str = ""
    model: str = ""
    guidance: Guidance = "json_schema"
    timeout_s: float = 60.0
    parallel: int = 4
    attempts: int = 2
    alternatives: int = 20


class OpenAiBackend:
    """A model on a server; see `Backend`.

    Whether it can be reached is seen by the requests: a server may come up later.

    Args:
        options: The server, and how it is asked.

    Raises:
        ConfigurationError: The address is none.
    """

    def __init__(self, options: ServerOptions) -> None:
        if not options.url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"the address of a model server is like http://localhost:8000/v1, not "
                f"{options.url!r}"
            )
        self._options = options
        headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        self._http = httpx.Client(
            base_url=options.url.rstrip("/") + "/", headers=headers, timeout=options.timeout_s
        )
        self._client = CompletionClient(
            self._http,
            CompletionOptions(
                model=options.model, guidance=options.guidance, alternatives=options.alternatives
            ),
        )

    def generate(self, requests: Sequence[Request]) -> list[Generated | Failed]:
        """Return the answer to each request, or why there is none."""
        with ThreadPoolExecutor(min(self._options.parallel, max(len(requests), 1))) as pool:
            return list(pool.map(self._answer, requests))

    def count_tokens(self, text: str) -> int:
        """Return about how many tokens a text has, rather too many."""
        return math.ceil(len(text.encode()) / _BYTES_A_TOKEN)

    def close(self) -> None:
        """Close the connections; a request that runs fails."""
        self._http.close()

    def _answer(self, request: Request) -> Generated | Failed:
        """Return the answer; one of no form is asked for again, a little less predictable."""
        answer: Generated | Failed = Failed("no attempt was made", retryable=False)
        for attempt in range(self._options.attempts):
            asked = request
            if attempt:
                asked = msgspec.structs.replace(
                    request, temperature=_RETRY_TEMPERATURE, seed=request.seed + attempt
                )
            try:
                answer = judged(self._client.complete(asked), request)
            except ServerError as error:
                return Failed(str(error), retryable=error.retryable)
            if not isinstance(answer, Failed):
                return answer
        return answer

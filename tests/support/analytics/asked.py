"""Requests to language models, with a grammar of the tests' own."""

from collections.abc import Sequence
from typing import Any

import msgspec

from models.analytics.backends.protocol import Generated, Request
from models.analytics.prompts import Prompt
from schemas.failed import Failed

GRAMMAR = (
    '%llguidance {}\nstart: "{\\"i\\":" ("null" | "[\\"" /[a-h]/ "\\"," /[1-9]/ "]") '
    '",\\"q\\":" (/[0-9][05]/ | "100") "}"'
)
ENDLESS = "%llguidance {}\nstart: /[a-z ]{3000}/"
CALLERS = ("my parcel is lost", "the line is dead", "cancel my order", "what do I owe")


def request_of(number: int = 0, **fields: Any) -> Request:
    """Return a request; those of two numbers differ in words and length."""
    said = f"Customer: {CALLERS[number % 4]}" + " again" * (number % 7)
    prompt = Prompt("Answer in JSON.", f"Agent: hello {number} |1\n{said} |2", (0, 1))
    request = Request(prompt=prompt, grammar=GRAMMAR, max_tokens=32)
    return msgspec.structs.replace(request, **fields)


def texts_of(answers: Sequence[Generated | Failed]) -> list[str]:
    """Return the texts of answers, all of which must be there."""
    assert [each for each in answers if isinstance(each, Failed)] == []
    return [each.text for each in answers if isinstance(each, Generated)]

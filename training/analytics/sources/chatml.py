"""Reader of chat messages: the last one of each line is the document's JSON answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.console import tracked
from training.analytics.sources.own_calls import own_call
from training.analytics.sources.protocol import LeftOut, UnusableError
from training.analytics.sources.text_files import read_object, read_text
from training.analytics.sources.transcripts import from_lines
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.analytics.sources.protocol import Found, Reading
    from training.analytics.sources.recipe import ChatML

_MARK = "<|assistant|>"
_FORM = "it has neither messages of a user and an assistant nor a text with <|assistant|>"


def read_chatml(reading: Reading[ChatML]) -> Iterator[Found | LeftOut]:
    """Yield the calls of a file, and the lines that had to be left out.

    A line is ``{"messages": [..]}``, or ``{"text": ".."}`` in the form of the MLX files.

    Raises:
        MissingDataError: The file cannot be read.
    """
    path = reading.data / reading.source.path
    try:
        lines = read_text(path).splitlines()
    except UnusableError as error:
        raise MissingDataError(f"the source {reading.name!r}: {path}: {error}") from error
    for number, line in enumerate(tracked(lines, reading.name), 1):
        if not line.strip():
            continue
        try:
            prompt, answer = _parts(read_object(line))
            provenance = {"file": path.name, "line": str(number)}
            yield own_call(
                reading, f"{number:06}", from_lines(prompt), read_object(answer), provenance
            )
        except UnusableError as error:
            yield LeftOut(f"{path}, line {number}", str(error))


def _parts(content: Mapping[str, Any]) -> tuple[str, str]:
    """Return the prompt and the answer of a line."""
    text = content.get("text")
    if isinstance(text, str) and _MARK in text:
        prompt, _, answer = text.rpartition(_MARK)
        return prompt, answer.strip()
    messages = content.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise UnusableError(_FORM)
    by_role = {each.get("role"): each.get("content") for each in messages}
    said, answered = by_role.get("user"), by_role.get("assistant")
    if not isinstance(said, str) or not isinstance(answered, str):
        raise UnusableError(_FORM)
    return said, answered

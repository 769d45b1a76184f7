"""Reader of own calls: JSON in the form of exports of labelled calls, or JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from training.classification.corpus.rows import GROUP, Row, RowTurn
from training.classification.sources.labels import named_labels
from training.classification.sources.protocol import Found
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.classification.sources.protocol import Reading

_TEXTS = ("text_transcript", "narrative")


class LabelledCall(msgspec.Struct, frozen=True):
    """A call as a file has it; its labels stand beside these fields, by the names of the tasks.

    Attributes:
        turns: What was said; or one of the next two holds all of it.
        text_transcript: The whole call.
        narrative: Another name for it.
        id: Unique in the file; by default the number of the call.
        group: Calls that share it never come into two splits; by default each is by itself.
        labels: By task; another place for them.
    """

    turns: tuple[RowTurn, ...] = ()
    text_transcript: str = ""
    narrative: str = ""
    id: str = ""
    group: str = ""
    labels: dict[str, str | tuple[str, ...]] = {}


def read_calls(reading: Reading) -> Iterator[Found]:
    """Yield the calls of a file: a list of objects (``.json``), or one a line (``.jsonl``).

    Raises:
        MissingDataError: A call has no text, or a label that the label set does not know.
    """
    for index, content in enumerate(_objects(reading)):
        where = f"call {index} of {reading.path}"
        try:
            call = msgspec.convert(content, LabelledCall)
        except msgspec.ValidationError as error:
            raise MissingDataError(f"{where}: {error}") from error
        name = f"{reading.name}/{call.id or f'{index:06}'}"
        yield Found(
            Row(
                id=name,
                source=reading.name,
                group=f"{reading.name}/{call.group}" if call.group else name,
                turns=_turns(call, where),
                labels=_labels(reading, call, content, where),
                is_synthetic=reading.source.is_synthetic,
                provenance={"file": reading.path.name, GROUP: call.group},
            )
        )


def _objects(reading: Reading) -> list[dict[str, Any]]:
    content = reading.path.read_bytes()
    if reading.path.suffix == ".jsonl":
        return msgspec.json.Decoder(dict[str, Any]).decode_lines(content)
    return msgspec.json.decode(content, type=list[dict[str, Any]])


def _turns(call: LabelledCall, where: str) -> tuple[RowTurn, ...]:
    texts = [text for text in (call.text_transcript, call.narrative) if text.strip()]
    if len(texts) + bool(call.turns) != 1:
        fields = ", ".join(("turns", *_TEXTS))
        raise MissingDataError(f"{where}: one of {fields} has what was said, and only one")
    return call.turns or (RowTurn("unknown", texts[0]),)


def _labels(
    reading: Reading, call: LabelledCall, content: dict[str, Any], where: str
) -> dict[str, tuple[str, ...]]:
    tasks = [task.name for task in reading.label_set.tasks]
    beside = {name: content[name] for name in tasks if content.get(name) or content.get(name) == []}
    twice = sorted(beside.keys() & call.labels.keys())
    if twice:
        raise MissingDataError(f"{where}: {twice[0]!r} stands there twice")
    try:
        given = msgspec.convert({**beside, **call.labels}, dict[str, str | tuple[str, ...]])
    except msgspec.ValidationError as error:
        raise MissingDataError(f"{where}: its labels: {error}") from error
    return named_labels(reading.label_set, given, where)

"""The page for gateways: its code sends a call, the messages that it names exist."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from schemas.audio import AudioChunk, CallEnded, CallStarted
from schemas.catalogue import AUDIO, MESSAGE_TYPES, decode
from stream_app.calls.transcribe.input.chunk_audio import checked_duration

PAGE = (Path(__file__).parents[3] / "docs" / "connecting.md").read_text("utf-8")
CODE = re.compile(r'^```python title="gateway\.py"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SCHEMA = re.compile(r"`(\w+\.v1)`")
FRAMES = [(bytes([n]) * 800, bytes(800) if n else b"") for n in range(3)]


class Sent:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes, bytes]] = []

    async def send(self, topic: str, *, value: bytes, key: bytes) -> None:
        """Keep a record."""
        self.records.append((topic, key, value))


async def frames() -> AsyncIterator[tuple[bytes, bytes]]:
    for frame in FRAMES:
        yield frame


async def test_the_code_of_the_page_sends_a_call_that_is_accepted() -> None:
    (code,) = CODE.findall(PAGE)
    written: dict[str, Any] = {}
    exec(compile(code, "gateway.py", "exec"), written)  # noqa: S102 - our own page
    sent = Sent()

    await written["send_call"](sent, "c-1", frames())

    assert {(topic, key) for topic, key, _ in sent.records} == {(AUDIO, b"c-1")}
    first, *chunks, last = [decode(AUDIO, value) for *_, value in sent.records]
    assert isinstance(first, CallStarted)
    assert isinstance(last, CallEnded)
    assert all(isinstance(chunk, AudioChunk) for chunk in chunks)
    assert [chunk.payloads for chunk in chunks] == FRAMES
    assert [(chunk.seq, chunk.start_ms) for chunk in chunks] == [(0, 0), (1, 100), (2, 200)]
    layout = {"rate_hz": first.sample_rate_hz, "channels": len(first.parties)}
    assert [checked_duration(chunk, **layout) for chunk in chunks] == [800] * 3
    assert len({value for *_, value in sent.records}) == len(sent.records)


def test_the_schemas_that_the_page_names_exist() -> None:
    known = {kind.__struct_config__.tag for kind in MESSAGE_TYPES}

    assert set(SCHEMA.findall(PAGE)) <= known

"""The deterministic lane of a call: as the brokers have it, and as the machines alone give it."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson

from schemas import catalogue
from schemas.audio import AudioMessage
from schemas.base import RUN_SEPARATOR, Message
from stream_app.agents import detect_turns, finalize
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.effects import Emit, Infer
from stream_app.settings import Settings
from tests.support.system import fingerprint_agent

LANE_TOPICS = (catalogue.TRANSCRIPTS, catalogue.TURNS, catalogue.FINALIZED)
VOLATILE_SCHEMAS = frozenset({"transcript_partial.v1", "turn_end_predicted.v1"})
RUN = re.compile(rf"{RUN_SEPARATOR}[A-Za-z0-9._-]+".encode())
STAMP = re.compile(rb'"captured_at_ns":\d+')

Lane = dict[str, list[bytes]]  # topic: messages in order, each once


class TwoContentsError(AssertionError):
    """Two messages with one id differ."""


def call_id(name: str, run: str) -> str:
    """Return the id of a call in a run, as a replay mints it."""
    return f"{name}{RUN_SEPARATOR}{run}"


def without_run(value: bytes) -> bytes:
    """Return the bytes of a message without the run in its ids and without its wall clock."""
    return STAMP.sub(b'"captured_at_ns":0', RUN.sub(b"", value))


def lane_of(messages: Iterable[tuple[str, bytes]]) -> Lane:
    """Return the lane of one call from (topic, value) in the order of the topics.

    Raises:
        TwoContentsError: An id came with two contents.
    """
    seen: dict[tuple[str, str], bytes] = {}
    for topic, value in messages:
        plain = without_run(value)
        header = orjson.loads(plain)
        if topic not in LANE_TOPICS or header["schema"] in VOLATILE_SCHEMAS:
            continue
        known = seen.setdefault((topic, header["event_id"]), plain)
        if known != plain:
            raise TwoContentsError(f"{topic}:\n{known.decode()}\n{plain.decode()}")
    return {
        wanted: [value for (topic, _), value in seen.items() if topic == wanted]
        for wanted in LANE_TOPICS
    }


def undisturbed(messages: Sequence[AudioMessage], settings: Settings) -> Lane:
    """Return the lane that the state machines alone make of a call, without any broker."""
    transcripts = outputs_of(fingerprint_agent.define_prompt(settings), messages)
    turns = outputs_of(detect_turns.define(settings), transcripts)
    finalized = outputs_of(finalize.define(settings), turns)
    everything = [*transcripts, *turns, *finalized]
    return lane_of((catalogue.topic_of(m), catalogue.encode(m)) for m in everything)


def outputs_of(
    definition: AgentDefinition, messages: Sequence[Message | AudioMessage]
) -> list[Message]:
    """Return what an agent alone makes of one call, volatile messages left out."""
    machine = definition.create(messages[0].call_id)
    outputs: list[Message] = []
    for offset, message in enumerate(messages):
        received = definition.decode(catalogue.encode(message))
        pending: list[Any] = list(machine.feed(received, offset))
        while pending:
            effect = pending.pop(0)
            if isinstance(effect, Emit) and not effect.is_volatile:
                outputs.append(effect.message)
            elif isinstance(effect, Infer) and effect.is_urgent:
                assert definition.infer is not None
                (result,) = definition.infer([effect.request])
                pending += machine.resolve(result)
    return [message for message in outputs if catalogue.topic_of(message) in LANE_TOPICS]


def final_requests(messages: Sequence[AudioMessage], settings: Settings) -> list[Any]:
    """Return what the recognizer is asked for the finals of a call, in their order."""
    definition = fingerprint_agent.define_prompt(settings)
    machine = definition.create(messages[0].call_id)
    effects = [
        effect
        for offset, message in enumerate(messages)
        for effect in machine.feed(message, offset)
    ]
    return [each.request for each in effects if isinstance(each, Infer) and each.is_urgent]


def difference(actual: Lane, expected: Lane) -> str:
    """Return the first difference of two lanes in words; empty if they are equal."""
    for topic in LANE_TOPICS:
        ours, theirs = actual.get(topic, []), expected[topic]
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one != other:
                return f"{topic} message {number}:\n got {one.decode()}\nnot {other.decode()}"
        if len(ours) != len(theirs):
            return f"{topic}: {len(ours)} messages instead of {len(theirs)}"
    return ""


def renamed(messages: Sequence[AudioMessage], new_id: str) -> list[AudioMessage]:
    """Return the messages of a call as those of another call."""
    old_id = messages[0].call_id
    return [
        msgspec.structs.replace(
            message, call_id=new_id, event_id=message.event_id.replace(old_id, new_id, 1)
        )
        for message in messages
    ]

"""What is remembered of a closed call outlives its input; what is cleaned is what is old."""

import pytest

from schemas.catalogue import (
    AUDIO,
    CHECKPOINTS,
    DAY_MS,
    LATE_WRITER_MS,
    TRANSCRIPTS,
    TURNS,
    TopicSpec,
    inputs,
    spec_of,
)
from stream_app.agents.registry import AGENTS, define_agent
from stream_app.settings import Settings

INPUTS = tuple(inputs())
CONFIG = {
    name: int(value) for name, value in spec_of(CHECKPOINTS).config.items() if value.isdigit()
}


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_reads_what_is_remembered(agent: str) -> None:
    assert spec_of(define_agent(agent, Settings()).input_topic).is_input


@pytest.mark.parametrize("topic", [AUDIO, TRANSCRIPTS, TURNS])
def test_a_call_in_progress_is_remembered_until_its_input_is_gone(topic: str) -> None:
    """Else a worker that comes back to old input would finish the call a second time."""
    assert spec_of(topic).remembered_ms > longest_life_ms(spec_of(topic))


@pytest.mark.parametrize("spec", INPUTS, ids=lambda spec: spec.name)
def test_an_input_is_remembered_for_longer_than_anything_repeats_it(spec: TopicSpec) -> None:
    """A finalized call is kept for a month: a takeover would read the memory of a month."""
    assert spec.remembered_ms >= min(spec.retention_ms, 7 * DAY_MS)
    assert spec.remembered_ms > LATE_WRITER_MS
    assert CONFIG["retention.ms"] >= spec.remembered_ms + LATE_WRITER_MS


def test_the_memory_that_a_takeover_reads_is_nine_days() -> None:
    assert 8 * DAY_MS < CONFIG["retention.ms"] <= 9 * DAY_MS


def longest_life_ms(spec: TopicSpec) -> int:
    """Return the age of the first message of a file when the brokers delete the file."""
    config = spec.config
    return int(config["retention.ms"]) + int(config["segment.ms"])


def test_the_file_that_is_written_is_closed_soon() -> None:
    """The brokers never clean it, and a takeover reads what is not cleaned."""
    assert CONFIG["min.compaction.lag.ms"] < CONFIG["max.compaction.lag.ms"]
    assert CONFIG["segment.ms"] + CONFIG["max.compaction.lag.ms"] <= 20 * 60_000
    assert float(spec_of(CHECKPOINTS).config["min.cleanable.dirty.ratio"]) <= 0.1
    assert CONFIG["segment.bytes"] > CONFIG["max.message.bytes"]
    assert CONFIG["delete.retention.ms"] > 60_000

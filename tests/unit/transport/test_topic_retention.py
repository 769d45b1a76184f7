"""What is remembered of a closed call outlives its input; what is cleaned is what is old."""

import pytest

from stream_app.agents import AGENTS, define_agent
from stream_app.settings import Settings
from stream_app.topics import (
    CHECKPOINTS,
    INPUTS,
    LATE_WRITER_MS,
    TOPICS,
    TopicSpec,
    kept_ms,
)

SPECS = {spec.name: spec for spec in TOPICS}
CONFIG = {name: int(value) for name, value in SPECS[CHECKPOINTS].config.items() if value.isdigit()}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_closed_call_is_remembered_until_its_input_is_gone(agent: str) -> None:
    """Else a worker that comes back to old input would finish the call a second time."""
    topic = define_agent(agent, Settings()).input_topic

    assert topic in {spec.name for spec in INPUTS}
    assert kept_ms(topic) > longest_life_ms(SPECS[topic])
    assert CONFIG["retention.ms"] >= kept_ms(topic) + LATE_WRITER_MS


def longest_life_ms(spec: TopicSpec) -> int:
    """Return the age of the first message of a file when the brokers delete the file."""
    config = spec.config
    return int(config["retention.ms"]) + int(config["segment.ms"])


def test_the_file_that_is_written_is_closed_soon() -> None:
    """The brokers never clean it, and a takeover reads what is not cleaned."""
    assert CONFIG["min.compaction.lag.ms"] < CONFIG["max.compaction.lag.ms"]
    assert CONFIG["segment.ms"] + CONFIG["max.compaction.lag.ms"] <= 20 * 60_000
    assert float(SPECS[CHECKPOINTS].config["min.cleanable.dirty.ratio"]) <= 0.1
    assert CONFIG["segment.bytes"] > CONFIG["max.message.bytes"]
    assert CONFIG["delete.retention.ms"] > 60_000

"""The lag of every agent of a host, read where Prometheus reads it, and what it says of a call."""

from prometheus_client import CollectorRegistry

from stream_app.cli.commands.calls import behind_by_call
from stream_app.live.open_calls import CallRow
from stream_app.monitoring.health import Health, serve_health
from stream_app.monitoring.host_metrics import PartitionLag, read_lags
from stream_app.monitoring.metrics import Metrics
from tests.support.system.metrics_ports import HOST, free_first_port


def row(call_id: str, partition: int, *late_agents: str) -> CallRow:
    return CallRow(
        call_id,
        partition,
        parties=(),
        is_on_hold=False,
        audio_s=0.0,
        last_audio_s=0.0,
        late_agents=late_agents,
    )


def test_the_lag_of_each_partition_is_read_from_every_agent() -> None:
    first = free_first_port()
    for offset, agent in enumerate(("transcribe", "detect_turns")):
        metrics = Metrics(agent)
        metrics.set_lag(3, messages=10, seconds=2.5 + offset)
        serve_health(HOST, first + offset, metrics.registry, Health(agent, 20))
    serve_health(HOST, first + 2, CollectorRegistry(), Health("finalize", 20))

    assert read_lags(HOST, first) == [
        PartitionLag("transcribe", 3, 2.5),
        PartitionLag("detect_turns", 3, 3.5),
    ]
    assert read_lags(HOST, 0) == []


def test_an_agent_is_behind_on_the_calls_of_its_partition_alone() -> None:
    lags = [PartitionLag("transcribe", 1, 2.1), PartitionLag("detect_turns", 2, 1.9)]
    rows = [row("a", 1), row("b", 2), row("c", 2, "finalize"), row("d", 1, "transcribe")]

    assert behind_by_call(rows, lags) == {
        "a": ("transcribe",),
        "b": (),
        "c": ("finalize",),
        "d": ("transcribe",),
    }

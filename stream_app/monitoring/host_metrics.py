"""The metrics of the agents of a host, read at their ports."""

import http.client
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from stream_app.monitoring.catalogue.inputs import CONSUMER_LAG_SECONDS
from stream_app.monitoring.host_health import TIMEOUT_S, ask_agents, local_address

METRICS_PATH = "/metrics"


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far an agent is behind on one partition."""

    agent: str
    partition: int
    seconds: float


def read_lags(host: str, first: int) -> list[PartitionLag]:
    """Return the lag of every partition that an agent of this host holds.

    Args:
        host: `MetricsSettings.host`.
        first: `MetricsSettings.port`; 0 is off.
    """
    lags = []
    for state in ask_agents(host, first):
        for family in text_string_to_metric_families(_metrics(host, state.port)):
            if family.name == CONSUMER_LAG_SECONDS.full_name:
                lags += [
                    PartitionLag(
                        sample.labels["agent"], int(sample.labels["partition"]), sample.value
                    )
                    for sample in family.samples
                ]
    return lags


def _metrics(host: str, port: int) -> str:
    """Return what an agent serves; nothing where it does not answer."""
    connection = http.client.HTTPConnection(local_address(host), port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", METRICS_PATH)
        return connection.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()

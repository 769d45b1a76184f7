"""A running Apache Kafka, or a skipped test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.kafka.cluster import KafkaCluster
from tests.kafka.libraries import KafkaUnavailableError, kafka_jars


@contextmanager
def running_cluster(folder: Path) -> Iterator[KafkaCluster]:
    """Three nodes, of which no process is left; skips the test where they cannot run."""
    try:
        jars = kafka_jars()
    except KafkaUnavailableError as error:
        pytest.skip(str(error))
    with KafkaCluster(folder, jars) as cluster:
        pids = [node.pid for node in cluster.nodes]
        yield cluster
        pids += [node.pid for node in cluster.nodes]
    assert not any(pid and psutil.pid_exists(pid) for pid in pids)

"""What holds for all tests."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.kafka.cluster import KafkaCluster
from tests.kafka.running import running_cluster

# Agents of tests that run at the same time, and of a worker on the machine, would share the ports
os.environ["CALLSTREAM_METRICS__PORT"] = "0"

# No example fails because the machine is busy, and every run tries the same ones: what a new one
# finds belongs to whoever looks for it, not to whoever's change is tested
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three nodes of Apache Kafka for all tests of a process, started when one first asks."""
    with running_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster

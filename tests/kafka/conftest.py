"""Fixture: a running Apache Kafka of three nodes."""

from collections.abc import Iterator

import pytest

from tests.kafka.cluster import KafkaCluster
from tests.kafka.running import running_cluster


@pytest.fixture(scope="module")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three nodes; the test is skipped where Java or Maven is missing."""
    with running_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster

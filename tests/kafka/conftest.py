"""Fixture: a running Apache Kafka without topics."""

import pytest

from stream_app.settings import Settings
from tests.kafka.cluster import KafkaCluster
from tests.kafka.running import without_topics


@pytest.fixture(scope="module")
def kafka_cluster(kafka_cluster: KafkaCluster) -> KafkaCluster:
    """Three nodes, whose topics each test makes as it needs them."""
    without_topics(kafka_cluster, Settings())
    return kafka_cluster

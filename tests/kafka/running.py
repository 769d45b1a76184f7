"""A running Apache Kafka, or a skipped test; and the topics that it has for one test or another."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka.errors import KafkaError

from stream_app.settings import Settings
from tests.kafka.admin import delete, existing, with_admin
from tests.kafka.cluster import NODES, START_TIMEOUT_S, KafkaCluster, create_topics
from tests.kafka.libraries import KafkaUnavailableError, kafka_jars
from tests.support.waiting import wait_until


@contextmanager
def running_cluster(folder: Path) -> Iterator[KafkaCluster]:
    """Three nodes, of which no process is left; skips the test where they cannot run."""
    try:
        jars = kafka_jars()
    except KafkaUnavailableError as error:
        pytest.skip(str(error))
    with KafkaCluster(folder, jars) as cluster:
        pids = [node.pid for node in cluster.nodes]
        wait_until(lambda: _is_complete(cluster), "all nodes", limit_s=START_TIMEOUT_S)
        yield cluster
        pids += [node.pid for node in cluster.nodes]
    assert not any(pid and psutil.pid_exists(pid) for pid in pids)


def _is_complete(cluster: KafkaCluster) -> bool:
    """Return whether the controller knows all brokers: it would make no topic before."""
    kafka = cluster.settings(Settings()).kafka
    try:
        found = asyncio.run(with_admin(kafka, lambda admin: admin.describe_cluster()))
    except KafkaError:
        return False
    assert isinstance(found, dict)
    return len(found["brokers"]) == NODES


def with_topics(cluster: KafkaCluster, settings: Settings) -> Settings:
    """Return settings for a cluster that has their topics.

    The topics of whoever used the cluster before stay if their settings were the same; calls need
    ids of their own. All others are deleted, and with them what consumer groups have committed.
    """
    own = cluster.settings(settings)
    if cluster.topics_of != own.kafka:
        without_topics(cluster, settings)
        asyncio.run(create_topics(own.kafka))
        cluster.topics_of = own.kafka
    return own


def forget_topics(cluster: KafkaCluster) -> None:
    """Have the next test make topics of its own, whatever its settings are."""
    cluster.topics_of = None


def without_topics(cluster: KafkaCluster, settings: Settings) -> Settings:
    """Return settings for a cluster that has no topics."""
    own = cluster.settings(settings)
    forget_topics(cluster)
    asyncio.run(delete(own.kafka, *existing(own.kafka)))
    return own

"""What holds for all tests."""

import atexit
import gc
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from stream_app.logs.log_limiter import RepeatLimiter
from tests.kafka.cluster import KafkaCluster
from tests.kafka.running import running_cluster

# Agents of tests that run at the same time, and of a worker on the machine, would share the ports
os.environ["CALLSTREAM_METRICS__PORT"] = "0"

# No example fails because the machine is busy, and every run tries the same ones: what a new one
# finds belongs to whoever looks for it, not to whoever's change is tested
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", patient, derandomize=True)
settings.register_profile("explore", patient, max_examples=1_000)
settings.load_profile("repeatable")


def pytest_collection_finish() -> None:
    """Keep what was imported out of collections of garbage, which are slow with it."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three nodes of Apache Kafka for all tests of a process, started when one first asks."""
    with running_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def own_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the logs of the process as the next test expects them.

    What a test runs may set up logs as a command does, and a logger that had kept this set-up would
    pass over lines that a later test asks for.
    """
    configure = structlog.configure

    def configure_uncached(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", configure_uncached)
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, RepeatLimiter)]:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def own_products() -> Iterator[None]:
    """Leave torch with its default library of fp32 products.

    A wide network sets another for its process, which compiles its code for every new shape: a
    training of a later test, whose batches all differ in length, would take ten times as long.
    """
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_float32_matmul_precision("highest")

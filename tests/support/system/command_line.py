"""The command line as a user starts it: a process, with settings from its environment."""

import os
import subprocess
import sys
from pathlib import Path

from stream_app.settings import KafkaSettings
from tests.support.models.micro import MICRO

CALLSTREAM = str(Path(sys.executable).parent / "callstream")
TIMEOUT_S = 120.0


def environment(kafka: KafkaSettings) -> dict[str, str]:
    """Return our environment with the settings that reach the broker, and small weights."""
    names = (
        "bootstrap_servers",
        "partitions",
        "replication_factor",
        "session_timeout_s",
        "heartbeat_s",
        "is_idempotent",
        "is_static_member",
        "topic_prefix",
    )
    settings = {f"CALLSTREAM_KAFKA__{name.upper()}": str(getattr(kafka, name)) for name in names}
    return {**os.environ, **settings, "CALLSTREAM_ASR__MODEL": MICRO, "OMP_NUM_THREADS": "1"}


def callstream(kafka: KafkaSettings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return how a command ended, and what it wrote."""
    return subprocess.run(
        [CALLSTREAM, *arguments],
        env=environment(kafka),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

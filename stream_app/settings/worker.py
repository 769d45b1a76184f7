"""Settings of a worker, and of where its metrics are."""

from typing import Literal

from pydantic import Field

from stream_app.logs.logging import LogFormat
from stream_app.settings.part import Part


class WorkerSettings(Part):
    """A worker.

    Attributes:
        id: Stable name of this worker among all workers; where empty, each start makes up another.
        log_level: Least level of what is logged.
        log_format: ``json`` is one object a line, ``console`` is for a person to read.
        max_silence_s: An agent whose event loop stands still for this time is killed and started
            again. Twice the session timeout by default: others hold its partitions by then, and no
            pause for memory or for a run of a model takes as long.
        max_start_s: The same before an agent is ready, when it loads its models.
    """

    id: str = Field(default="", pattern=r"^[A-Za-z0-9._-]*$", max_length=200)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: LogFormat = "json"
    max_silence_s: float = Field(default=20.0, ge=3.0)
    max_start_s: float = Field(default=600.0, ge=3.0)


class MetricsSettings(Part):
    """Where Prometheus finds the metrics.

    Attributes:
        port: First port of a worker; each agent has a fixed offset from it (see
            `stream_app.agents.registry`), the n-th process of an agent n times 20 more. Where a
            port is in use, 20 more again, with a warning in the log. 0 is off.
        host: Address to listen on; by default only this machine gets an answer.
    """

    port: int = Field(default=9_100, ge=0, le=65_000)
    host: str = "127.0.0.1"

"""Settings of where Prometheus finds the metrics."""

from pydantic import Field

from stream_app.settings.part import Part


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

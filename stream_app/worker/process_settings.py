"""The settings of each process of a worker."""

from collections.abc import Sequence

from stream_app.agents.registry import metrics_ports
from stream_app.settings import Settings


def settings_of_processes(settings: Settings, agents: Sequence[str]) -> list[Settings]:
    """Return the settings of each process of a worker.

    Each serves its metrics on a port of its own. Further processes of an agent have worker ids of
    their own, since no two members of a consumer group may share one.

    Args:
        settings: Of the worker.
        agents: The agent of each process.

    Raises:
        ConfigurationError: See `metrics_ports`.
    """
    ports = metrics_ports(settings.metrics.port, agents)
    found = []
    for index, (name, port) in enumerate(zip(agents, ports, strict=True)):
        number = agents[:index].count(name)
        worker_id = f"{settings.worker.id}.{number + 1}" if number else settings.worker.id
        found.append(settings.replace(worker={"id": worker_id}, metrics={"port": port}))
    return found

"""The health of all agents of a host, asked at their metrics ports; runs on the standard library.

An agent takes the port of its offset in the registry, or that of a later round where the port is
in use: by another worker on the host, or by something else.
"""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass

from stream_app.agents.registry import PORTS_PER_ROUND, REGISTRY

LIVE_PATH, READY_PATH = "/healthz", "/readyz"
READY = "ready"
ROUNDS = 25  # of ports; as many processes of an agent a host has metrics for
TIMEOUT_S = 2.0
NO_ANSWER = "does not answer: its process hangs, or is being started"
_OK = 200
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class AgentState:
    """What an agent answered.

    Attributes:
        name: Of the agent; with a question mark where only its port tells.
        problem: Why it is not well; empty if it is.
    """

    name: str
    port: int
    problem: str


def ask_agents(host: str, first: int, path: str = READY_PATH) -> list[AgentState]:
    """Return the state of every agent that serves its metrics on this host.

    Args:
        host: `MetricsSettings.host`; where agents listen on every address, a local one is asked.
        first: `MetricsSettings.port`; 0 is off.
        path: `READY_PATH`, or `LIVE_PATH` for whether the processes work at all.
    """
    if not first:
        return []
    address = local_address(host)
    ports = (port for start in ports_of_rounds(first) for port in start)
    return [state for port in ports if (state := _ask(address, port, first, path)) is not None]


def local_address(host: str) -> str:
    """Return where to ask agents that listen on a host's address, or on all of them."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def ports_of_rounds(first: int) -> Iterator[range]:
    """Yield the ports of each round."""
    for number in range(ROUNDS):
        start = first + number * PORTS_PER_ROUND
        yield range(start, start + PORTS_PER_ROUND)


def _ask(address: str, port: int, first: int, path: str) -> AgentState | None:
    """Return the state of the agent on a port, None where there is none."""
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        name, colon, text = answer.read().decode(errors="replace").strip().partition(": ")
    except TimeoutError:
        return AgentState(_name_by_port(port, first), port, NO_ANSWER)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if answer.status not in {_OK, _UNAVAILABLE} or not colon:
        return None  # something else serves there
    return AgentState(name, port, "" if answer.status == _OK else text)


def _name_by_port(port: int, first: int) -> str:
    names = {agent.port_offset: agent.name for agent in REGISTRY}
    return f"{names.get((port - first) % PORTS_PER_ROUND, 'agent')}?"

"""Registry of the agents: one row each, from which everything that lists agents is derived.

`worker` runs the default set, ports and thread counts come from the rows, and
``tests/unit/agents/test_registry.py`` compares ``docker/compose.yaml`` and the import contract of
``pyproject.toml`` with them. Agents that stand elsewhere are named ``module:function``.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from stream_app.agents.definition import AgentDefinition
    from stream_app.settings import Settings

PORTS_PER_ROUND = 20  # offsets of the rows, then of agents that stand elsewhere
FUNCTION = "define"  # of an agent's module; takes the settings
_ELSEWHERE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")


def _one_thread(_: "Settings") -> int:
    return 1


def _as_all_others(_: "Settings") -> int:
    return 0


@dataclass(frozen=True, slots=True)
class RegisteredAgent:
    """An agent as everything but its own process knows it; its module is imported on demand.

    Attributes:
        name: Of the agent, of its module in `stream_app.agents`, and of its consumer group.
        port_offset: Of its metrics port from the first one. Never changed, so that the targets of
            a Prometheus stay where they are.
        threads: Returns how many threads its numeric libraries use, by its own settings.
        nice: Returns how far it stands back for other processes, from 0 to 19, likewise.
        is_default: Whether `callstream worker` runs it unasked.
    """

    name: str
    port_offset: int
    threads: Callable[["Settings"], int] = _one_thread
    nice: Callable[["Settings"], int] = _as_all_others
    is_default: bool = True

    @property
    def module(self) -> str:
        """Return the name of the module that defines it."""
        return f"stream_app.agents.{self.name}"


REGISTRY = (
    RegisteredAgent("transcribe", port_offset=0, threads=lambda settings: settings.asr.threads),
    RegisteredAgent("detect_turns", port_offset=1, threads=lambda settings: settings.turns.threads),
    RegisteredAgent("finalize", port_offset=2),
    RegisteredAgent(
        "classify",
        port_offset=3,
        threads=lambda settings: settings.classification.threads,
    ),
    RegisteredAgent(
        "classify_live",
        port_offset=4,
        threads=lambda settings: settings.classification.threads,
        is_default=False,
    ),
    RegisteredAgent(
        "analyze",
        port_offset=5,
        threads=lambda settings: settings.analytics.threads,
        nice=lambda settings: settings.analytics.nice,
        is_default=False,
    ),
    RegisteredAgent(
        "analyze_live",
        port_offset=6,
        threads=lambda settings: settings.analytics.threads,
        nice=lambda settings: settings.analytics.nice,
        is_default=False,
    ),
)
AGENTS = tuple(agent.name for agent in REGISTRY)
DEFAULT_AGENTS = tuple(agent.name for agent in REGISTRY if agent.is_default)
_BY_NAME = {agent.name: agent for agent in REGISTRY}


def check_agent(name: str) -> None:
    """Do nothing for the name of an agent, or ``module:function``; imports nothing.

    Raises:
        ConfigurationError: It is neither.
    """
    if name not in _BY_NAME and _ELSEWHERE.fullmatch(name) is None:
        choices = f"choose from {', '.join(AGENTS)}, or name a function as module:function"
        raise ConfigurationError(f"no agent {name!r}: {choices}")


def define_agent(name: str, settings: "Settings") -> "AgentDefinition":
    """Return the definition of an agent; loads its model, which may take seconds.

    Args:
        name: One of ``AGENTS``, or ``module:function`` of a function that takes the settings.
        settings: Of the worker.

    Raises:
        ConfigurationError: There is no such agent.
    """
    check_agent(name)
    row = _BY_NAME.get(name)
    module_name, _, function_name = name.partition(":")
    if row is not None:
        module_name, function_name = row.module, FUNCTION
    try:
        define = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"the agent {name!r} cannot be imported: {error}") from error
    definition: AgentDefinition = define(settings)
    return definition


def thread_count(name: str, settings: "Settings") -> int:
    """Return how many threads the numeric libraries of an agent's process may use."""
    row = _BY_NAME.get(name)
    return row.threads(settings) if row is not None else 1


def niceness(name: str, settings: "Settings") -> int:
    """Return how far the process of an agent stands back for others, from 0 to 19."""
    row = _BY_NAME.get(name)
    return row.nice(settings) if row is not None else 0


def metrics_ports(first: int, names: Sequence[str]) -> tuple[int, ...]:
    """Return the metrics port of each process of a worker.

    An agent has the offset of its row; those that stand elsewhere follow behind all rows, in
    their order. The n-th process of a name is n rounds of ports further on.

    Args:
        first: `MetricsSettings.port`; 0 is off, for all of them.
        names: The agent of each process.

    Raises:
        ConfigurationError: More agents from elsewhere than a round has ports for.
    """
    offsets = {agent.name: agent.port_offset for agent in REGISTRY}
    next_offset = max(offsets.values()) + 1
    for name in names:
        if name not in offsets:
            offsets[name] = next_offset
            next_offset += 1
    if next_offset > PORTS_PER_ROUND:
        raise ConfigurationError(f"a worker has metrics ports for {PORTS_PER_ROUND} agents")
    rounds = [names[:index].count(name) for index, name in enumerate(names)]
    return tuple(
        first and first + offsets[name] + number * PORTS_PER_ROUND
        for name, number in zip(names, rounds, strict=True)
    )

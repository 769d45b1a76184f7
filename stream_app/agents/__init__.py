"""Return the agents by name, each defined in a module of its own that is imported on demand."""

import importlib
from typing import TYPE_CHECKING

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from stream_app.settings import Settings
    from stream_app.transport.definitions import AgentDefinition

_MODULES = {
    "transcribe": "stream_app.agents.transcribe",
    "detect_turns": "stream_app.agents.detect_turns",
    "finalize": "stream_app.agents.finalize",
}
AGENTS = tuple(_MODULES)


def define_agent(name: str, settings: "Settings") -> "AgentDefinition":
    """Return the definition of an agent; loads its model, which may take seconds.

    Args:
        name: One of ``AGENTS``, or ``module:function`` of a function that takes the settings.
        settings: Of the worker.

    Raises:
        ConfigurationError: There is no such agent.
    """
    module_name, _, function_name = name.partition(":")
    if not function_name:
        if name not in _MODULES:
            raise ConfigurationError(f"no agent {name!r}: choose from {', '.join(AGENTS)}")
        module_name, function_name = _MODULES[name], "define"
    definition: AgentDefinition = getattr(importlib.import_module(module_name), function_name)(
        settings
    )
    return definition

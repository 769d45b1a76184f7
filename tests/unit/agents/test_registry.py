"""What lists agents agrees with the registry, and the registry with the agents."""

import re
import tomllib
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from stream_app.agents.registry import (
    AGENTS,
    DEFAULT_AGENTS,
    PORTS_PER_ROUND,
    REGISTRY,
    define_agent,
    metrics_ports,
    niceness,
    thread_count,
)
from stream_app.settings import Settings

ROOT = Path(__file__).parents[3]
SETTINGS = Settings().replace(asr={"threads": 3}, turns={"threads": 2, "model": "none"})
SERVICE = re.compile(r'^  ([\w-]+):\n(?:    .*\n)*?    command: \["worker", "--agents", "(\w+)"\]')


def compose_services() -> dict[str, str]:
    """Return the agent of each service that runs one, by the name of the service."""
    text = (ROOT / "docker" / "compose.yaml").read_text()
    return dict(re.findall(SERVICE.pattern, text, re.MULTILINE))


def independent_modules() -> list[str]:
    """Return the modules that may not import one another."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (independence,) = (each for each in contracts["contracts"] if each["type"] == "independence")
    return list(independence["modules"])


@pytest.mark.parametrize("agent", DEFAULT_AGENTS)
def test_every_default_agent_has_a_service(agent: str) -> None:
    service = agent.replace("_", "-")
    wanted = f'  {service}:\n    <<: *agent\n    command: ["worker", "--agents", "{agent}"]'

    assert compose_services().get(service) == agent, f"add to docker/compose.yaml:\n{wanted}"


def test_every_service_runs_an_agent_of_the_registry() -> None:
    left = {service: agent for service, agent in compose_services().items() if agent not in AGENTS}

    assert not left, f"docker/compose.yaml runs agents that are not in the registry: {left}"


def test_agents_of_a_language_model_stand_back_for_those_that_callers_wait_for() -> None:
    settings = Settings().replace(analytics={"nice": 7})

    assert {name: niceness(name, settings) for name in AGENTS if niceness(name, settings)} == {
        "analyze": 7,
        "analyze_live": 7,
    }
    assert niceness("elsewhere:agent", settings) == 0


def test_agents_do_not_import_one_another() -> None:
    wanted = {agent.module for agent in REGISTRY}
    modules = set(independent_modules())

    contract = "the contract 'agents meet through topics' of pyproject.toml"
    assert not wanted - modules, f"add to {contract}: {sorted(wanted - modules)}"
    assert not modules - wanted, f"remove from {contract}: {sorted(modules - wanted)}"


def test_a_definition_has_the_name_of_its_row() -> None:
    """The name is that of the consumer group and of the checkpoints."""
    assert [define_agent(name, SETTINGS).name for name in AGENTS] == list(AGENTS)


def test_no_two_agents_share_a_port() -> None:
    ports = metrics_ports(9_100, AGENTS)

    assert len(set(ports)) == len(AGENTS)
    assert max(ports) < 9_100 + PORTS_PER_ROUND


def test_ports_stay_where_they_are() -> None:
    """They stand in the targets of a Prometheus, whatever else the worker runs."""
    assert metrics_ports(9_100, ["finalize"]) == (9_102,)
    assert metrics_ports(9_100, ["a:define", "transcribe", "finalize", "transcribe"]) == (
        9_100 + max(agent.port_offset for agent in REGISTRY) + 1,
        9_100,
        9_102,
        9_100 + PORTS_PER_ROUND,
    )


def test_agents_from_elsewhere_have_as_many_ports_as_are_left() -> None:
    names = [f"module_{number}:define" for number in range(PORTS_PER_ROUND)]

    with pytest.raises(ConfigurationError, match="ports for 20 agents"):
        metrics_ports(9_100, names)


def test_threads_are_those_of_the_agents_own_settings() -> None:
    names = (*AGENTS, "module:define")
    counts = {name: thread_count(name, SETTINGS) for name in names}

    assert counts == dict.fromkeys(names, 1) | {"transcribe": 3, "detect_turns": 2}


@pytest.mark.parametrize("name", ["no_such_module:define", "json:define"])
def test_an_agent_that_cannot_be_imported_is_a_matter_of_configuration(name: str) -> None:
    """Its process is not started again and again."""
    with pytest.raises(ConfigurationError, match=f"the agent '{name}' cannot be imported"):
        define_agent(name, SETTINGS)

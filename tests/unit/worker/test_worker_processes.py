"""Several processes of an agent: each a member of its own in the group, with one thread."""

import pytest
import typer

from schemas.errors import ConfigurationError
from stream_app.agents import AGENTS
from stream_app.cli.worker import parse_agents
from stream_app.settings import Settings
from stream_app.worker import Supervisor, settings_of_process

SETTINGS = Settings().replace(worker={"id": "w"}, metrics={"port": 9_000})


def test_an_agent_may_have_several_processes() -> None:
    names = parse_agents("transcribe=3, detect_turns,finalize", AGENTS)

    assert names == ["transcribe"] * 3 + ["detect_turns", "finalize"]


@pytest.mark.parametrize("text", ["transcribe=0", "transcribe=", "transcribe=x", "transcribe=-1"])
def test_a_count_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="number of processes"):
        parse_agents(text, AGENTS)


def test_an_unknown_agent_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="no agent 'bake'"):
        parse_agents("bake=2", AGENTS)


def test_the_only_process_of_an_agent_keeps_the_settings() -> None:
    assert settings_of_process(SETTINGS, 0) == SETTINGS


def test_further_processes_share_neither_the_id_nor_the_port() -> None:
    """Two members of a group with one instance id would throw each other out."""
    processes = [settings_of_process(SETTINGS, number) for number in range(4)]
    ports = {process.metrics.port + place for process in processes for place in range(len(AGENTS))}

    assert len({process.worker.id for process in processes}) == 4
    assert len(ports) == 4 * len(AGENTS)


def test_metrics_that_are_off_stay_off() -> None:
    assert settings_of_process(Settings().replace(worker={"id": "w"}), 2).metrics.port == 0


def test_a_supervisor_knows_all_processes_of_an_agent() -> None:
    supervisor = Supervisor(SETTINGS, ["transcribe", "transcribe", "finalize"])

    assert supervisor.pids("transcribe") == (0, 0)
    assert supervisor.pid("finalize") == 0


def test_no_agent_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no agent to run"):
        Supervisor(SETTINGS, [])

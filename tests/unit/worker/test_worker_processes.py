"""Several processes of an agent: each a member of its own in the group, with its own threads."""

import pytest
import typer

from schemas.errors import ConfigurationError
from stream_app.agents.registry import AGENTS, DEFAULT_AGENTS
from stream_app.cli.commands.worker import parse_agents
from stream_app.settings import Settings
from stream_app.worker.process_settings import settings_of_processes
from stream_app.worker.supervisor import Supervisor

SETTINGS = Settings().replace(worker={"id": "w"}, metrics={"port": 9_000})
ELSEWHERE = "package.module:define"


def test_an_agent_may_have_several_processes() -> None:
    names = parse_agents("transcribe=3, detect_turns,finalize")

    assert names == ["transcribe"] * 3 + ["detect_turns", "finalize"]


def test_an_agent_may_stand_elsewhere() -> None:
    assert parse_agents(f"finalize,{ELSEWHERE}=2") == ["finalize", ELSEWHERE, ELSEWHERE]


@pytest.mark.parametrize("text", ["transcribe=0", "transcribe=", "transcribe=x", "transcribe=-1"])
def test_a_wrong_count_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="number of processes"):
        parse_agents(text)


@pytest.mark.parametrize("name", ["bake", "a.b", "a:", ":b", "a b:c", "1a:b", "a:b:c"])
def test_an_unknown_agent_is_refused(name: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"no agent '{name}'"):
        parse_agents(f"{name}=2")


def test_the_only_process_of_an_agent_keeps_the_worker_id() -> None:
    processes = settings_of_processes(SETTINGS, DEFAULT_AGENTS)

    assert {process.worker.id for process in processes} == {"w"}


def test_further_processes_share_neither_the_id_nor_the_port() -> None:
    """Two members of a group with one instance id would throw each other out."""
    names = [name for name in (*AGENTS, ELSEWHERE, "other:define") for _ in range(4)]
    processes = settings_of_processes(SETTINGS, names)

    ids = [process.worker.id for process in processes[:4]]
    assert ids == ["w", "w.2", "w.3", "w.4"]
    assert len({process.metrics.port for process in processes}) == len(names)


def test_metrics_that_are_off_stay_off() -> None:
    off = Settings().replace(worker={"id": "w"})

    assert {each.metrics.port for each in settings_of_processes(off, ["finalize"] * 2)} == {0}


def test_a_supervisor_knows_all_processes_of_an_agent() -> None:
    supervisor = Supervisor(SETTINGS, ["transcribe", "transcribe", "finalize"])

    assert supervisor.pids("transcribe") == (0, 0)
    assert supervisor.pid("finalize") == 0


def test_no_agent_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no agent to run"):
        Supervisor(SETTINGS, [])

"""Every agent of a host is found at its port, and the one that is ill is named with its reason."""

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from stream_app.agents.registry import PORTS_PER_ROUND
from stream_app.cli.app import app
from stream_app.monitoring import host_health
from stream_app.monitoring.health import Health, serve_health, serve_health_nearby
from stream_app.monitoring.host_health import LIVE_PATH, NO_ANSWER, ROUNDS, ask_agents
from tests.support.system.metrics_ports import HOST, free_first_port


def ill(agent: str, problem: str) -> Health:
    health = Health(agent, 20)
    health.note(problem)
    return health


def well(agent: str) -> Health:
    return ill(agent, "")


@pytest.fixture
def first() -> int:
    """The first metrics port of a host without agents."""
    return free_first_port()


@pytest.fixture
def hung_port(first: int) -> Iterator[int]:
    """A port that takes connections and never answers, as that of a stopped process does."""
    with socket.create_server((HOST, first + 1)):
        yield first + 1


def test_the_agent_that_is_ill_is_named_with_its_reason(first: int) -> None:
    serve_health(HOST, first, CollectorRegistry(), well("transcribe"))
    serve_health(HOST, first + 2, CollectorRegistry(), ill("finalize", "lacks partition 3"))

    states = [(state.name, state.port, state.problem) for state in ask_agents(HOST, first)]

    assert states == [
        ("transcribe", first, ""),
        ("finalize", first + 2, "lacks partition 3"),
    ]


def test_an_agent_that_waits_for_its_brokers_is_live(first: int) -> None:
    serve_health(HOST, first, CollectorRegistry(), ill("transcribe", "no broker answers"))

    (state,) = ask_agents(HOST, first, LIVE_PATH)

    assert state.problem == ""


def test_a_process_that_hangs_is_named_by_its_port(
    hung_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_health, "TIMEOUT_S", 0.2)

    (state,) = ask_agents(HOST, hung_port - 1)

    assert (state.name, state.problem) == ("detect_turns?", NO_ANSWER)


def test_what_else_serves_on_a_port_is_no_agent(first: int) -> None:
    """Another exporter, say."""
    server = http.server.HTTPServer((HOST, first), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert ask_agents(HOST, first) == []
    finally:
        server.shutdown()
        server.server_close()


def test_an_agent_whose_port_is_in_use_takes_that_of_the_next_round(first: int) -> None:
    """Two workers on one host need no setting, and both are found."""
    ports = [
        serve_health_nearby(HOST, first, CollectorRegistry(), well("transcribe")) for _ in range(3)
    ]

    assert ports == [first, first + PORTS_PER_ROUND, first + 2 * PORTS_PER_ROUND]
    assert [state.port for state in ask_agents(HOST, first)] == ports


def test_an_agent_without_any_free_port_works_unseen(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_app.monitoring.health.ROUNDS", 1)
    with socket.create_server((HOST, first)):
        assert serve_health_nearby(HOST, first, CollectorRegistry(), well("toy")) is None
    assert ROUNDS > 1


def test_an_address_of_another_machine_is_an_error(first: int) -> None:
    """It is a wrong setting, and no other port helps."""
    with pytest.raises(OSError, match="address"):
        serve_health_nearby("192.0.2.1", first, CollectorRegistry(), well("toy"))


def run(first: int, *options: str) -> tuple[int, list[str]]:
    """Return exit code and lines of the command."""
    result = CliRunner().invoke(
        app, ["health", *options], env={"CALLSTREAM_METRICS__PORT": str(first)}
    )
    return result.exit_code, [" ".join(line.split()) for line in result.output.splitlines()]


def test_the_command_says_one_line_an_agent_and_exits_by_them(first: int) -> None:
    serve_health(HOST, first, CollectorRegistry(), well("transcribe"))
    assert run(first) == (0, [f"transcribe {first} ready"])

    serve_health(HOST, first + 1, CollectorRegistry(), ill("detect_turns", "no broker answers"))
    assert run(first) == (
        1,
        [f"transcribe {first} ready", f"detect_turns {first + 1} no broker answers"],
    )
    assert run(first, "--live")[0] == 0


def test_the_command_names_what_should_be_there_and_is_not(first: int) -> None:
    serve_health(HOST, first, CollectorRegistry(), well("transcribe"))

    assert run(first, "--agents", "transcribe")[0] == 0
    code, lines = run(first, "--agents", "transcribe=2,finalize")
    assert code == 1
    assert lines == [
        f"transcribe {first} ready",
        "finalize no process answers",
        "transcribe no process answers",
    ]


@pytest.mark.parametrize("off", [True, False])
def test_the_command_fails_where_nobody_answers(first: int, *, off: bool) -> None:
    code, (line,) = run(0 if off else first)

    assert code == 1
    assert ("CALLSTREAM_METRICS__PORT is 0" if off else f"from port {first} on") in line

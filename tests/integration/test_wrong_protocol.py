"""Commands and workers whose protocol is not the broker's end soon, with the cause."""

import time
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from schemas.errors import ConfigurationError
from stream_app.cli.app import app
from stream_app.demo.session import DEMO_CALL
from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.worker.supervisor import Supervisor

LIMIT_S = 10.0
WRONG = {
    "SSL": "speaks no TLS at this port",
    "SASL_PLAINTEXT": "refuses the login of user 'ann' by PLAIN: it closes the connection",
    "SASL_SSL": "speaks no TLS at this port",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The address of an embedded broker, which knows neither TLS nor logins."""
    with EmbeddedBroker() as running:
        yield running.bootstrap_servers


@pytest.mark.parametrize(
    ("command", "protocol"),
    [
        (["topics", "create"], "SSL"),
        (["topics", "describe"], "SASL_PLAINTEXT"),
        (["watch"], "SASL_SSL"),
        (["calls"], "SASL_PLAINTEXT"),
        (["replay", str(DEMO_CALL)], "SSL"),
    ],
)
def test_every_command_names_the_wrong_protocol(
    broker: str, command: list[str], protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSTREAM_KAFKA__SECURITY_PROTOCOL", protocol)
    monkeypatch.setenv("CALLSTREAM_KAFKA__SASL_USERNAME", "ann")
    began_s = time.monotonic()

    result = CliRunner().invoke(app, [*command, "--brokers", broker])

    assert time.monotonic() - began_s < LIMIT_S
    assert result.exit_code == 2, result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"callstream: the broker at {broker} {WRONG[protocol]}")


def test_a_worker_ends_with_the_cause(broker: str) -> None:
    kafka = {"bootstrap_servers": broker, "security_protocol": "SSL"}
    settings = Settings().replace(kafka=kafka)

    with (
        Supervisor(settings, ["finalize"]) as supervisor,
        pytest.raises(ConfigurationError, match=r"finalize: the broker at .* speaks no TLS"),
    ):
        supervisor.wait_ready()

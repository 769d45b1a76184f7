"""The login that both kinds of clients get: ours, and Faust's consumer."""

import importlib.util
from pathlib import Path

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from schemas.errors import ConfigurationError
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.clients import client_options
from stream_app.worker.app import credentials_of

PASSWORD = {"sasl_username": "worker", "sasl_password": "s3cret"}
LOGINS = {
    "PLAIN": PASSWORD,
    "SCRAM-SHA-256": PASSWORD,
    "SCRAM-SHA-512": PASSWORD,
    "GSSAPI": {"sasl_kerberos_service_name": "brokers", "sasl_kerberos_domain_name": "example.org"},
    "OAUTHBEARER": {"sasl_oauth_token_file": "/run/secrets/token"},
}


def settings(mechanism: str, protocol: str = "SASL_PLAINTEXT") -> KafkaSettings:
    kafka = {"security_protocol": protocol, "sasl_mechanism": mechanism, **LOGINS[mechanism]}
    return Settings().replace(kafka=kafka).kafka


@pytest.fixture
def gssapi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name."""
    (tmp_path / "gssapi.py").touch()
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("gssapi")
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", LOGINS)
def test_the_consumer_logs_in_as_all_other_clients_do(mechanism: str, protocol: str) -> None:
    """Of one process, with one token."""
    kafka = settings(mechanism, protocol)

    ours = client_options(kafka)
    fausts = dict(credentials_to_aiokafka_auth(credentials_of(kafka)))

    contexts = [options.pop("ssl_context", None) is not None for options in (ours, fausts)]
    assert contexts == [protocol == "SASL_SSL"] * 2
    assert fausts == {name: ours[name] for name in ours if name.startswith(("sasl_", "security_"))}
    assert ours["sasl_mechanism"] == mechanism
    assert len(fausts) > 2


def test_kerberos_without_its_package_says_what_to_install() -> None:
    assert importlib.util.find_spec("gssapi") is None

    with pytest.raises(ConfigurationError, match=r"pip install 'aiokafka\[gssapi\]'"):
        client_options(settings("GSSAPI"))

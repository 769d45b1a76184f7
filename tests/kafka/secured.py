"""One node of Apache Kafka with a listener of every security protocol, users and access control."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from stream_app.settings import KafkaSettings
from tests.kafka.cluster import START_TIMEOUT_S, KafkaNode, free_ports, takes_connections
from tests.kafka.libraries import KafkaUnavailableError, kafka_jars
from tests.support.certificates import Authority
from tests.support.waiting import wait_until

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MUTUAL = "MUTUAL"  # TLS that asks the client for a certificate
LOGINS = "LOGINS"  # TLS, and a login by any mechanism, which ends after some seconds
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
SESSION_S = 4
ADMIN, GUEST = "admin", "guest"  # who may do everything, and who may do nothing
PROTOCOL_OF = {MUTUAL: "SSL", LOGINS: "SASL_SSL"}
PASSWORDS = {ADMIN: "admin-secret", GUEST: "guest-secret"}


@dataclass(frozen=True)
class SecuredKafka:
    """A running node.

    Attributes:
        ports: Of its listeners, by security protocol; ``MUTUAL`` is TLS for known clients only,
            ``LOGINS`` takes every login.
        authority: Signed the certificate of the node.
    """

    ports: Mapping[str, int]
    authority: Authority

    def settings(self, listener: str, **changes: object) -> KafkaSettings:
        """Return the settings of an administrator at a listener, with changes to them."""
        protocol = PROTOCOL_OF.get(listener, listener)
        values: dict[str, object] = {
            "bootstrap_servers": f"127.0.0.1:{self.ports[listener]}",
            "security_protocol": protocol,
            "partitions": 2,
        }
        if protocol.endswith("SSL"):
            values["ssl_cafile"] = str(self.authority.own.certificate)
        if protocol.startswith("SASL"):
            values |= {"sasl_username": ADMIN, "sasl_password": PASSWORDS[ADMIN]}
        return KafkaSettings.model_validate(values | changes)


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """One node, whose process is gone afterwards; skips the test where it cannot run."""
    try:
        jars = kafka_jars()
    except KafkaUnavailableError as error:
        pytest.skip(str(error))
    controller, *ports = free_ports(1 + len(PROTOCOLS) + len(PROTOCOL_OF))
    listeners = dict(zip((*PROTOCOLS, *PROTOCOL_OF), ports, strict=True))
    authority = Authority(folder)
    properties = _properties(folder, listeners, controller, authority)
    node = KafkaNode(1, listeners["PLAINTEXT"], controller, folder / "node", jars, properties)
    try:
        node.format(f"1@127.0.0.1:{controller}", *_scram_users())
        node.await_end()
        node.launch()
        node.await_ready(time.monotonic() + START_TIMEOUT_S)
        wait_until(lambda: all(map(takes_connections, ports)), "every listener")
        pid = node.pid
        yield SecuredKafka(listeners, authority)
    finally:
        node.kill()
    assert not psutil.pid_exists(pid)


def _properties(
    folder: Path, listeners: Mapping[str, int], controller: int, authority: Authority
) -> dict[str, object]:
    node = authority.sign("node")
    keystore = folder / "keystore.pem"
    keystore.write_text(node.key.read_text() + node.certificate.read_text())
    addresses = [f"{name}://127.0.0.1:{port}" for name, port in listeners.items()]
    kinds = [f"{name}:{PROTOCOL_OF.get(name, name)}" for name in listeners]
    users = " ".join(f'user_{name}="{password}"' for name, password in PASSWORDS.items())
    login = "org.apache.kafka.common.security.plain.PlainLoginModule"
    sasl = {
        f"listener.name.{name.lower()}.{key}": value
        for name in listeners
        if name.startswith("SASL")
        for key, value in (
            ("sasl.enabled.mechanisms", "PLAIN"),
            ("plain.sasl.jaas.config", f"{login} required {users};"),
        )
    }
    return {
        "listeners": ",".join((*addresses, f"CONTROLLER://127.0.0.1:{controller}")),
        "advertised.listeners": ",".join(addresses),
        "listener.security.protocol.map": ",".join((*kinds, "CONTROLLER:PLAINTEXT")),
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.own.certificate,
        f"listener.name.{MUTUAL.lower()}.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # whoever comes without a login is the node itself, or a test of the way in
        "super.users": f"User:{ADMIN};User:ANONYMOUS;User:CN=client",
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        **sasl,
        **_all_logins(f"{login} required {users};"),
    }


def _all_logins(plain: str) -> dict[str, object]:
    """Return what the listener for every mechanism is; its tokens have no signature."""
    modules = "org.apache.kafka.common.security"
    tokens = 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="node";'
    jaas = {
        "plain": plain,
        "oauthbearer": f"{modules}.{tokens}",
        **{name.lower(): f"{modules}.scram.ScramLoginModule required;" for name in SCRAM},
    }
    listener = f"listener.name.{LOGINS.lower()}"
    return {
        f"{listener}.sasl.enabled.mechanisms": ",".join(name.upper() for name in jaas),
        f"{listener}.connections.max.reauth.ms": SESSION_S * 1000,
        **{f"{listener}.{name}.sasl.jaas.config": module for name, module in jaas.items()},
    }


def _scram_users() -> list[str]:
    users = [
        f"{name}=[name={user},password={word}]"
        for name in SCRAM
        for user, word in PASSWORDS.items()
    ]
    return [part for user in users for part in ("--add-scram", user)]

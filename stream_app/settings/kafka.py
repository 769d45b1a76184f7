"""Settings of the Kafka clients."""

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_serializer, field_validator, model_validator

from schemas.catalogue import NAMES
from stream_app.settings.part import Part

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"]
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s,:\[\]]+)(?::(\d{1,5}))?")
_MAX_PORT = 65_535
Compression = Literal["none", "gzip", "snappy", "lz4", "zstd"]
MAX_NAME = 249  # characters of a topic, of which each gets a folder on the brokers
MAX_PREFIX = MAX_NAME - max(len(name) for name in NAMES)
_GROUPS = "callstream."
_URL = re.compile(r"https?://[^\s/]+\S*")
_EXTENSION = re.compile(r"\s*[A-Za-z]+=[\x21-\x2b\x2d-\x7e ]*")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")


class KafkaSettings(Part):
    """How to reach the brokers, and how consumers behave.

    Attributes:
        bootstrap_servers: Comma-separated ``host:port`` pairs.
        topic_prefix: Before the name of every topic, with its separator: ``team-a.`` makes
            ``team-a.calls.audio.v1``. Installations with different prefixes share a cluster.
        group_prefix: Before the name of every agent, which makes its consumer group; where empty,
            the prefix of topics and ``callstream.``.
        compression: Of what is produced. Every Kafka client reads ``none`` and ``gzip``, some no
            others.
        security_protocol: SSL in it asks for TLS, SASL for a login.
        sasl_mechanism: How to log in: with ``sasl_username`` and ``sasl_password`` (PLAIN and
            SCRAM), a ticket of Kerberos (GSSAPI), or a token (OAUTHBEARER).
        sasl_username: User that logs in.
        sasl_password: Password of that user.
        sasl_kerberos_service_name: First part of the brokers' principal.
        sasl_kerberos_domain_name: Second part of it; where empty, the host of each broker.
        sasl_oauth_endpoint_url: Gives tokens (client credentials), which are renewed before they
            expire.
        sasl_oauth_client_id: Who asks for tokens there.
        sasl_oauth_client_secret: Password of that client.
        sasl_oauth_scope: What tokens are asked for; where empty, the endpoint decides.
        sasl_oauth_extensions: What goes to the brokers beside a token, as ``name=value,..``.
        sasl_oauth_token_file: Holds a token that somebody else renews, instead of an endpoint;
            read for each connection.
        ssl_cafile: Certificates (PEM) of who signed those of the brokers; where empty, those that
            the machine trusts.
        ssl_certfile: Our certificate (PEM), where the brokers ask for one.
        ssl_keyfile: Its private key (PEM), where it is not in the same file.
        ssl_keypassword: Opens the key, where it is encrypted.
        partitions: Of each topic that ``topics create`` makes; the same for all of them.
        replication_factor: Of each topic that ``topics create`` makes; 3 on three brokers.
        heartbeat_s: How often a worker says that it is alive; well below the session timeout.
        max_poll_records: Most messages that are taken at a time.
        request_timeout_s: For the answer of a broker; what cannot be written in this time ends
            the process, and another one does it again.
        session_timeout_s: A worker that is silent for this time loses its partitions.
        commit_interval_s: How often acknowledged offsets are committed.
        checkpoint_interval_s: Changes of an open call within this time share one checkpoint, and
            their acknowledgements wait for it. Outputs never wait, and their checkpoint follows
            them at once.
        max_poll_interval_s: A worker that takes no event in this time loses its partitions.
        fetch_max_wait_ms: How long a fetch waits: what arrives meanwhile is read together. Less is
            faster, more is cheaper.
        is_idempotent: Producers ask the brokers to drop what a retry would write twice.
        leaves_group: A worker that stops in order gives its partitions back at once.
        is_static_member: Keep a restarted worker's partitions for it (group instance id).
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    topic_prefix: str = ""
    group_prefix: str = ""
    compression: Compression = "gzip"
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "PLAIN"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    sasl_kerberos_service_name: str = "kafka"
    sasl_kerberos_domain_name: str = ""
    sasl_oauth_endpoint_url: str = ""
    sasl_oauth_client_id: str = ""
    sasl_oauth_client_secret: SecretStr = SecretStr("")
    sasl_oauth_scope: str = ""
    sasl_oauth_extensions: str = ""
    sasl_oauth_token_file: str = ""
    ssl_cafile: str = ""
    ssl_certfile: str = ""
    ssl_keyfile: str = ""
    ssl_keypassword: SecretStr = SecretStr("")
    partitions: int = Field(default=12, ge=1)
    replication_factor: int = Field(default=1, ge=1)
    session_timeout_s: float = Field(default=10.0, gt=0)
    heartbeat_s: float = Field(default=2.0, gt=0)
    commit_interval_s: float = Field(default=0.5, gt=0)
    checkpoint_interval_s: float = Field(default=1.0, ge=0, le=10)
    max_poll_interval_s: float = Field(default=300.0, gt=0)
    max_poll_records: int = Field(default=500, ge=1)
    fetch_max_wait_ms: int = Field(default=50, ge=1)
    request_timeout_s: float = Field(default=40.0, gt=0)
    is_idempotent: bool = True
    leaves_group: bool = True
    is_static_member: bool = True

    def topic(self, name: str) -> str:
        """Return what the brokers call a topic of the catalogue."""
        return f"{self.topic_prefix}{name}"

    def catalogue_name(self, topic: str) -> str:
        """Return what the catalogue calls a topic of the brokers."""
        return topic.removeprefix(self.topic_prefix)

    def group(self, agent: str) -> str:
        """Return the consumer group of an agent."""
        return f"{self.group_prefix or self.topic(_GROUPS)}{agent}"

    @field_serializer(
        "sasl_password", "sasl_oauth_client_secret", "ssl_keypassword", when_used="json"
    )
    def _reveal(self, value: SecretStr) -> str:
        """The supervisor hands the settings to its children through a pipe, as JSON."""
        return value.get_secret_value()

    @field_validator("bootstrap_servers")
    @classmethod
    def _hosts_and_ports(cls, value: str) -> str:
        for server in value.split(","):
            found = _SERVER.fullmatch(server.strip())
            if found is None or not 0 < int(found[1] or 1) <= _MAX_PORT:
                raise ValueError(f"'{server.strip()}' is not HOST:PORT")
        return value

    @field_validator("topic_prefix", "group_prefix")
    @classmethod
    def _begins_a_name(cls, value: str) -> str:
        """Kafka's rules for topics; those for groups are wider, but its tools' are not."""
        wrong = _NOT_IN_NAMES.search(value)
        if wrong is not None:
            raise ValueError(
                f"'{value}' holds {wrong[0]!r}: Kafka allows letters (a-z, A-Z), digits, '.', '_' "
                "and '-' in names"
            )
        if len(value) > MAX_PREFIX:
            raise ValueError(
                f"it has {len(value)} characters and may have {MAX_PREFIX}: a name on Kafka has "
                f"{MAX_NAME} at most"
            )
        return value

    @field_validator("sasl_oauth_extensions")
    @classmethod
    def _pairs(cls, value: str) -> str:
        """What RFC 7628 allows: letters, and ``auth`` is the token's own."""
        for pair in filter(None, value.split(",")):
            if not _EXTENSION.fullmatch(pair) or pair.strip().startswith("auth="):
                raise ValueError(f"'{pair}' is not NAME=VALUE, with a name of letters")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL"):
            self._check_login()
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError("ssl_keyfile needs ssl_certfile, the certificate of the key")
        if self.heartbeat_s >= self.session_timeout_s:
            raise ValueError("heartbeat_s must be shorter than session_timeout_s")
        if self.request_timeout_s < self.session_timeout_s:
            raise ValueError("request_timeout_s must not be shorter than session_timeout_s")
        return self

    def _check_login(self) -> None:
        if self.sasl_mechanism == "OAUTHBEARER":
            self._check_oauth()
        elif self.sasl_mechanism != "GSSAPI" and not self.sasl_username:
            raise ValueError(f"{self.security_protocol} needs sasl_username and sasl_password")

    def _check_oauth(self) -> None:
        if bool(self.sasl_oauth_endpoint_url) == bool(self.sasl_oauth_token_file):
            raise ValueError(
                "OAUTHBEARER needs either sasl_oauth_endpoint_url or sasl_oauth_token_file"
            )
        if self.sasl_oauth_token_file:
            return
        if not _URL.fullmatch(self.sasl_oauth_endpoint_url):
            raise ValueError("sasl_oauth_endpoint_url is no URL: https://HOST/PATH, or http://..")
        if not self.sasl_oauth_client_id or not self.sasl_oauth_client_secret.get_secret_value():
            raise ValueError(
                "sasl_oauth_endpoint_url needs sasl_oauth_client_id and sasl_oauth_client_secret"
            )

"""The login (SASL) of the Kafka clients."""

import importlib.util
from importlib import import_module
from typing import Any

from aiokafka.errors import KafkaError

from schemas.errors import ConfigurationError
from stream_app.settings import KafkaSettings

_OAUTH = "stream_app.transport.security.oauth"  # loads an HTTP client, which few need


class TokenError(KafkaError):  # type: ignore[misc]
    """There is no token to log in with; the message says why.

    Args:
        message: Why.
        is_setting: Nothing but a change of our settings will help.
    """

    def __init__(self, message: str, *, is_setting: bool = False) -> None:
        super().__init__(message)
        self.is_setting = is_setting

    def __str__(self) -> str:
        """Return the message without the name of the class, which aiokafka puts before it."""
        return str(self.args[0])


def has_login(kafka: KafkaSettings) -> bool:
    """Return whether the brokers ask for a login."""
    return kafka.security_protocol.startswith("SASL")


def sasl_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the options of a login, as aiokafka takes them; none where there is none.

    Raises:
        ConfigurationError: The package for the mechanism is missing.
    """
    if not has_login(kafka):
        return {}
    options: dict[str, Any] = {"sasl_mechanism": kafka.sasl_mechanism}
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return options | {"sasl_oauth_token_provider": import_module(_OAUTH).provider_of(kafka)}
    if kafka.sasl_mechanism == "GSSAPI":
        if importlib.util.find_spec("gssapi") is None:
            message = "GSSAPI needs the package gssapi: pip install 'aiokafka[gssapi]'"
            raise ConfigurationError(message)
        return options | {
            "sasl_kerberos_service_name": kafka.sasl_kerberos_service_name,
            "sasl_kerberos_domain_name": kafka.sasl_kerberos_domain_name or None,
        }
    return options | {
        "sasl_plain_username": kafka.sasl_username,
        "sasl_plain_password": kafka.sasl_password.get_secret_value(),
    }

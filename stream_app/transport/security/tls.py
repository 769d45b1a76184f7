"""The TLS context of the Kafka clients."""

import ssl

from schemas.errors import ConfigurationError
from stream_app.settings import KafkaSettings

_SETTING = "CALLSTREAM_KAFKA__"
_OTHER_KEY = "KEY_VALUES_MISMATCH"


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS context, or None where the protocol has no TLS.

    Raises:
        ConfigurationError: A certificate or key file cannot be used; the message names it.
    """
    if not kafka.security_protocol.endswith("SSL"):
        return None
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_cafile or None)
    except OSError as error:
        raise _unusable("SSL_CAFILE", kafka.ssl_cafile, error) from error
    if kafka.ssl_certfile:
        _add_own_certificate(context, kafka)
    return context


def _add_own_certificate(context: ssl.SSLContext, kafka: KafkaSettings) -> None:
    password = kafka.ssl_keypassword.get_secret_value()
    is_encrypted = False

    def give_password() -> str:
        """Answer for OpenSSL, which asks at the terminal otherwise."""
        nonlocal is_encrypted
        is_encrypted = True
        if not password:
            message = f"the key in {_key_file(kafka)} is encrypted: set {_SETTING}SSL_KEYPASSWORD"
            raise ConfigurationError(message)
        return password

    try:
        context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile or None, give_password)
    except ssl.SSLError as error:
        if is_encrypted and error.reason != _OTHER_KEY:
            message = f"{_SETTING}SSL_KEYPASSWORD does not open the key in {_key_file(kafka)}"
            raise ConfigurationError(message) from error
        if error.reason == _OTHER_KEY:
            text = f"the key in {_key_file(kafka)} is not that of the certificate"
            message = f"{text} in {kafka.ssl_certfile}"
            raise ConfigurationError(message) from error
        raise _unusable("SSL_CERTFILE or SSL_KEYFILE", kafka.ssl_certfile, error) from error
    except OSError as error:
        raise _unusable("SSL_CERTFILE or SSL_KEYFILE", _missing(kafka), error) from error


def _missing(kafka: KafkaSettings) -> str:
    return " or ".join(filter(None, (kafka.ssl_certfile, kafka.ssl_keyfile)))


def _key_file(kafka: KafkaSettings) -> str:
    return kafka.ssl_keyfile or kafka.ssl_certfile


def _unusable(setting: str, path: str, error: OSError) -> ConfigurationError:
    reason = error.strerror
    if isinstance(error, ssl.SSLError):
        reason = "it is no PEM file with a certificate and its key"
        if setting == "SSL_CAFILE":
            reason = "it is no PEM file with certificates"
    return ConfigurationError(f"{_SETTING}{setting}: {path} cannot be used: {reason}")

"""Why a connection to a broker failed, in words, and what to do about it."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import (
    BrokerResponseError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from schemas.errors import BrokerError, CallstreamError, ConfigurationError
from stream_app.transport.security.sasl import TokenError

Server = tuple[str, int]
Options = Mapping[str, Any]

SETTING = "CALLSTREAM_KAFKA__"
SERVERS = f"correct {SETTING}BOOTSTRAP_SERVERS (or --brokers)"
PROTOCOL = f"{SETTING}SECURITY_PROTOCOL"
# X509_V_ERR_*, which the ssl module hands through
_NOT_YET_VALID, _EXPIRED, _WRONG_NAME, _WRONG_ADDRESS = 9, 10, 62, 64
_RIGHTS = {
    TopicAuthorizationFailedError: "may not use the topic",
    GroupAuthorizationFailedError: "may not use the consumer group",
    ClusterAuthorizationFailedError: "may not do this on the cluster",
    TransactionalIdAuthorizationFailed: "may not write with this id",
}
_TICKETS = {
    "OAUTHBEARER": f"the brokers must trust who gives the tokens; see {SETTING}SASL_OAUTH_SCOPE",
    "GSSAPI": f"get a ticket (kinit); see {SETTING}SASL_KERBEROS_SERVICE_NAME",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a server is of no use.

    Attributes:
        text: What is wrong; ``{at}`` stands for the server.
        advice: What to do about it.
        is_setting: Nothing but a change of our settings will help; else it is worth another try.
    """

    server: Server
    text: str
    advice: str = ""
    is_setting: bool = False


def as_error(causes: Sequence[Cause]) -> CallstreamError:
    """Return the error of servers none of which is of use; what one can set comes first."""
    ordered = sorted(causes, key=lambda cause: not cause.is_setting)
    alike: dict[str, list[str]] = {}
    for cause in ordered:
        alike.setdefault(cause.text, []).append(name_of(cause.server))
    texts = [text.replace("{at}", ", ".join(names)) for text, names in alike.items()]
    advice = [cause.advice for cause in ordered if cause.advice]
    message = "; ".join(dict.fromkeys((*texts, *advice)))
    return ConfigurationError(message) if ordered[0].is_setting else BrokerError(message)


def cause_of(server: Server, options: Options, error: BaseException) -> Cause | None:
    """Return the cause that an error tells by itself, None if others are behind it as well."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(server, error)
    if isinstance(error, UnsupportedSaslMechanismError):
        return None  # the broker will say which it has
    if isinstance(error, BrokerResponseError):
        return _of_answer(server, options, error)
    if isinstance(error, socket.gaierror):
        text = f"no broker answers at {{at}}: the name {server[0]} does not resolve"
        return Cause(server, text, SERVERS)
    reason = _reason_of(error) if isinstance(error, OSError) else ""
    if not reason:
        return None
    refused = "connection refused, so that nothing listens there"
    advice = f"start the broker, or {SERVERS}" if reason == refused else SERVERS
    return Cause(server, f"no broker answers at {{at}}: {reason}", advice)


def no_token(error: TokenError) -> CallstreamError:
    """Return the error where there is no token to log in with, before any broker is asked."""
    text = f"no token to log in with: {error}"
    if not error.is_setting:
        return BrokerError(text)
    names = ", ".join(f"{SETTING}SASL_OAUTH_{name}" for name in ("CLIENT_ID", "CLIENT_SECRET"))
    return ConfigurationError(f"{text}; correct {names} or the URL")


def broker_failure(what: str, error: BaseException, user: str = "") -> BrokerError:
    """Return the error of a client that had been let in: what it could not do, and why.

    Args:
        what: Such as "topics cannot be created".
        error: What aiokafka raised.
        user: Who had logged in.
    """
    return BrokerError(f"{what}: {describe(error, user)}")


def is_refusal(error: BaseException | None) -> bool:
    """Return whether the brokers refused something for lack of rights."""
    return isinstance(error, tuple(_RIGHTS))


def describe(error: BaseException, user: str = "") -> str:
    """Return a failure of a client that had been let in, in words; ``user`` is its login."""
    for kind, what in _RIGHTS.items():
        if isinstance(error, kind):
            names = ", ".join(_names(error.args))
            return (
                f"not authorised: {_user(user)} {what}{f' {names}' if names else ''}; "
                "give it the rights (ACLs) that docs/operations.md lists"
            )
    text = str(error)
    return text or type(error).__name__


def name_of(server: Server) -> str:
    """Return ``host:port``."""
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def has_tls(options: Options) -> bool:
    """Return whether the settings ask for TLS."""
    return str(options["security_protocol"]).endswith("SSL")


def has_login(options: Options) -> bool:
    """Return whether the settings ask for a login."""
    return str(options["security_protocol"]).startswith("SASL")


def protocol(*, tls: bool, login: bool) -> str:
    """Return the value of the security protocol that asks for these."""
    return f"{'SASL_' if login else ''}{'SSL' if tls else 'PLAINTEXT'}"


def _of_certificate(server: Server, error: ssl.SSLCertVerificationError) -> Cause:
    reason = error.verify_message.rstrip(".")
    if error.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        text = f"the certificate of the broker at {{at}} is not valid now: {reason}"
        return Cause(server, text, "renew it at the broker, or set this machine's clock")
    if error.verify_code in {_WRONG_NAME, _WRONG_ADDRESS}:
        text = f"the certificate of the broker at {{at}} is for another host: {reason}"
        advice = f"name the broker in {SETTING}BOOTSTRAP_SERVERS as its certificate does"
        return Cause(server, text, advice, is_setting=True)
    text = f"the certificate of the broker at {{at}} is signed by nobody we trust: {reason}"
    advice = f"set {SETTING}SSL_CAFILE to the certificate of the authority that signed it"
    return Cause(server, text, advice, is_setting=True)


def _of_answer(server: Server, options: Options, error: BrokerResponseError) -> Cause:
    if isinstance(error, SaslAuthenticationFailed):
        said = f": {error.args[0]}" if error.args and isinstance(error.args[0], str) else ""
        return refused_login(server, options, said)
    if isinstance(error, IllegalSaslStateError):
        wanted = protocol(tls=has_tls(options), login=False)
        text = "the broker at {at} takes no login (SASL) at this port"
        advice = f"set {PROTOCOL}={wanted}, or give the port for logins"
        return Cause(server, text, advice, is_setting=True)
    reason = describe(error, options.get("sasl_plain_username", ""))
    return Cause(server, f"the broker at {{at}} refuses us: {reason}")


def refused_login(server: Server, options: Options, said: str) -> Cause:
    """Return the cause where the broker does not take a login, with what it says."""
    mechanism, user = options["sasl_mechanism"], options.get("sasl_plain_username", "")
    text = f"the broker at {{at}} refuses the login of {_user(user)} by {mechanism}{said}"
    advice = f"correct {SETTING}SASL_USERNAME and {SETTING}SASL_PASSWORD"
    is_setting = mechanism not in _TICKETS  # which are renewed outside
    return Cause(server, text, _TICKETS.get(mechanism, advice), is_setting=is_setting)


def unsupported_mechanism(server: Server, options: Options, offered: Sequence[str]) -> Cause:
    """Return the cause where the broker has other ways of login."""
    text = f"the broker at {{at}} takes no login by {options.get('sasl_mechanism')}"
    known = ", ".join(offered) or "one that the broker offers"
    advice = f"set {SETTING}SASL_MECHANISM to {known}"
    return Cause(server, text, advice, is_setting=True)


def _reason_of(error: OSError) -> str:
    """Return the reason of a connection that did not come about, empty if it did."""
    text = str(error)
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in text:
        is_refused = isinstance(error, ConnectionRefusedError) or "Errno 111" in text
        return "connection refused, so that nothing listens there" if is_refused else text
    return ""


def _user(name: str) -> str:
    return f"user '{name}'" if name else "this client"


def _names(arguments: Sequence[object]) -> list[str]:
    found: list[str] = []
    for argument in arguments:
        if isinstance(argument, str):
            found.append(argument)
        elif isinstance(argument, set | frozenset | list | tuple):
            found += sorted(str(each) for each in argument)
    return found

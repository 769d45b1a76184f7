"""Probes of a port whose broker did not let us in: does it speak TLS, does it want a login?"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import IllegalSaslStateError, KafkaError, UnsupportedSaslMechanismError
from aiokafka.protocol.admin import SaslHandShakeRequest

from stream_app.transport.access.causes import (
    PROTOCOL,
    SETTING,
    Cause,
    Options,
    Server,
    has_login,
    has_tls,
    protocol,
    refused_login,
    unsupported_mechanism,
)

PROBE_S = 2.5
CLOSE_S = 1.0
TLS_RECORDS = (b"\x15", b"\x16")  # an alert or a handshake, RFC 8446, section 5.1
NOT_A_BROKER = "is this the port of a Kafka broker, and is the broker ready?"
FAILURES = (KafkaError, OSError, TimeoutError, asyncio.IncompleteReadError)


async def explain(server: Server, options: Options, error: BaseException) -> Cause:
    """Return why a server that takes connections did not let us in, by asking it otherwise."""
    is_tls = has_tls(options)
    plain = await _offer(server, options, is_tls=False)
    if is_tls and plain is not None:
        return _no_tls(server, options)
    if not is_tls and plain is None and await _speaks_tls(server):
        return _tls_wanted(server, options)
    if is_tls and (alert := await _tls_failure(server, options)) is not None:
        return _of_tls(server, alert)
    offered = (await _offer(server, options, is_tls=True) if is_tls else plain) or ()
    is_unsupported = isinstance(error, UnsupportedSaslMechanismError)
    if (offered or is_unsupported) and not isinstance(error, TimeoutError):
        return _of_login(server, options, offered)
    if isinstance(error, TimeoutError):
        return silent(server)
    return Cause(server, "no broker answers at {at}: the connection is closed", NOT_A_BROKER)


def _no_tls(server: Server, options: Options) -> Cause:
    text = f"the broker at {{at}} speaks no TLS at this port, and {PROTOCOL} asks for it"
    wanted = protocol(tls=False, login=has_login(options))
    advice = f"set {PROTOCOL}={wanted}, or give the broker's port for TLS"
    return Cause(server, text, advice, is_setting=True)


def _tls_wanted(server: Server, options: Options) -> Cause:
    text = f"the broker at {{at}} expects TLS at this port, and {PROTOCOL} asks for none"
    wanted = protocol(tls=True, login=has_login(options))
    advice = f"set {PROTOCOL}={wanted}, or give the broker's port without TLS"
    return Cause(server, text, advice, is_setting=True)


def silent(server: Server) -> Cause:
    """Return the cause where a server says nothing for as long as we wait."""
    text = "no broker answers at {at}: it gives no answer in time"
    return Cause(server, text, NOT_A_BROKER)


@asynccontextmanager
async def connection(server: Server, options: Options) -> AsyncIterator[AIOKafkaConnection]:
    """Yield a connection that is not open yet; it is closed in the end.

    One whose login failed aiokafka has begun to close by then; over TLS that takes an answer.
    """
    names = [name for name in options if name.startswith(("security_", "ssl_context", "sasl_"))]
    opened = AIOKafkaConnection(*server, **{name: options[name] for name in names})
    try:
        yield opened
    finally:
        was_open = getattr(opened, "_protocol", None) is not None
        closed = opened.close()
        with contextlib.suppress(TimeoutError):
            if was_open:
                await asyncio.wait_for(closed, CLOSE_S)


async def _offer(server: Server, options: Options, *, is_tls: bool) -> Sequence[str] | None:
    """Return the mechanisms of login that a broker offers, None where no broker answers."""
    plain: dict[str, Any] = {
        "security_protocol": protocol(tls=is_tls, login=False),
        "ssl_context": options.get("ssl_context"),
    }
    try:
        async with asyncio.timeout(PROBE_S), connection(server, plain) as probe:
            await probe.connect()
            answer = await probe.send(SaslHandShakeRequest("PLAIN"))
    except FAILURES:
        return None
    is_without = answer.error_code == IllegalSaslStateError.errno
    return () if is_without else tuple(answer.enabled_mechanisms)


async def _speaks_tls(server: Server) -> bool:
    """Return whether a server answers the first message of a TLS client as TLS servers do."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=server[0])
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    try:
        async with asyncio.timeout(PROBE_S):
            reader, writer = await asyncio.open_connection(*server)
            try:
                writer.write(outgoing.read())
                return await reader.readexactly(1) in TLS_RECORDS
            finally:
                writer.close()
    except FAILURES:
        return False


async def _tls_failure(server: Server, options: Options) -> ssl.SSLError | None:
    """Return what is wrong with TLS; a refused certificate of ours is told after the handshake."""
    try:
        async with asyncio.timeout(PROBE_S):
            reader, writer = await asyncio.open_connection(*server, ssl=options["ssl_context"])
            try:
                await reader.read(1)
            finally:
                writer.close()
    except ssl.SSLError as error:
        return error
    except FAILURES:
        return None
    return None


def _of_tls(server: Server, error: ssl.SSLError) -> Cause:
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if "certificate" in reason or "unknown ca" in reason or "handshake failure" in reason:
        text = f"the broker at {{at}} does not take our certificate ({reason})"
        advice = (
            f"set {SETTING}SSL_CERTFILE and {SETTING}SSL_KEYFILE to a certificate "
            "that the broker trusts"
        )
        return Cause(server, text, advice, is_setting=True)
    return Cause(server, f"no TLS connection to the broker at {{at}}: {reason}", NOT_A_BROKER)


def _of_login(server: Server, options: Options, offered: Sequence[str]) -> Cause:
    """Return the cause where a broker that wants a login did not get the one it wants."""
    if not has_login(options):
        return _login_wanted(server, offered, is_tls=has_tls(options))
    if options["sasl_mechanism"] in offered:  # some brokers answer with no reason
        return refused_login(server, options, ": it closes the connection")
    return unsupported_mechanism(server, options, offered)


def _login_wanted(server: Server, offered: Sequence[str], *, is_tls: bool) -> Cause:
    text = f"the broker at {{at}} expects a login (SASL), and {PROTOCOL} asks for none"
    advice = (
        f"set {PROTOCOL}={protocol(tls=is_tls, login=True)} and {SETTING}SASL_MECHANISM to one "
        f"of {', '.join(offered)}, with {SETTING}SASL_USERNAME and {SETTING}SASL_PASSWORD"
    )
    return Cause(server, text, advice, is_setting=True)

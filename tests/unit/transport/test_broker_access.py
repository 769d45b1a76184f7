"""A broker that does not let us in: the cause in one line, within seconds, and what to do."""

import asyncio
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)

from schemas.errors import BrokerError, CallstreamError, ConfigurationError
from stream_app.settings import KafkaSettings
from stream_app.transport.access import probes
from stream_app.transport.access.causes import describe
from stream_app.transport.access.check import check_brokers
from stream_app.transport.clients import client_options
from tests.support.certificates import Authority, Certificate

LIMIT_S = 10.0
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PLAIN, TLS = "PLAINTEXT", "SSL"
SETTING = "CALLSTREAM_KAFKA__"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority whose certificates a client may trust."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on the PATH")
    return Authority(tmp_path_factory.mktemp("certificates"))


async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


@asynccontextmanager
async def server(answer: Answer, certificate: Certificate | None = None) -> AsyncIterator[int]:
    """Yield the port of a server; with a certificate it speaks TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
    running = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with running:
        yield running.sockets[0].getsockname()[1]


async def failure(servers: str, protocol: str = PLAIN, **more: object) -> CallstreamError:
    """Return what the look at the brokers says, which takes seconds at most."""
    login = {"sasl_username": "u", "sasl_password": "p"} if "SASL" in protocol else {}
    kafka = KafkaSettings.model_validate(
        {"bootstrap_servers": servers, "security_protocol": protocol, **login, **more}
    )
    began_s = time.monotonic()
    with pytest.raises(CallstreamError) as raised:
        await check_brokers(client_options(kafka))
    assert time.monotonic() - began_s < LIMIT_S
    assert "\n" not in str(raised.value)
    return raised.value


async def test_a_name_that_does_not_resolve_is_told() -> None:
    error = await failure("no-such-host.invalid:9092")

    assert type(error) is BrokerError
    assert "no-such-host.invalid does not resolve" in str(error)
    assert f"{SETTING}BOOTSTRAP_SERVERS" in str(error)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_refused_connection_is_told(host: str) -> None:
    """Also where the name has an address of each version of IP."""
    error = await failure(f"{host}:1")

    assert type(error) is BrokerError
    assert str(error).startswith(f"no broker answers at {host}:1: connection refused")


async def test_servers_with_the_same_trouble_share_a_sentence() -> None:
    error = await failure("127.0.0.1:1,127.0.0.1:2, no-such-host.invalid:3")

    assert "no broker answers at 127.0.0.1:1, 127.0.0.1:2: connection refused" in str(error)
    assert "no-such-host.invalid does not resolve" in str(error)


@pytest.mark.parametrize("protocol", [PLAIN, "SASL_PLAINTEXT"])
async def test_a_port_that_expects_tls_is_told(authority: Authority, protocol: str) -> None:
    async with server(say_nothing, authority.sign("broker")) as port:
        error = await failure(f"127.0.0.1:{port}", protocol)

    assert type(error) is ConfigurationError
    assert "expects TLS" in str(error)
    wanted = protocol.replace(PLAIN, TLS)
    assert f"set {SETTING}SECURITY_PROTOCOL={wanted}" in str(error)


async def test_an_unknown_authority_is_told(authority: Authority) -> None:
    async with server(say_nothing, authority.sign("broker")) as port:
        error = await failure(f"127.0.0.1:{port}", TLS)

    assert type(error) is ConfigurationError
    assert "signed by nobody we trust" in str(error)
    assert f"{SETTING}SSL_CAFILE" in str(error)


@pytest.mark.parametrize(
    ("host", "days", "kind", "reason"),
    [
        ("IP:127.0.0.1", -1, BrokerError, "is not valid now: certificate has expired"),
        ("DNS:kafka.example", 2, ConfigurationError, "is for another host: IP address mismatch"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_told(
    authority: Authority, host: str, days: int, kind: type[CallstreamError], reason: str
) -> None:
    """An expired one is renewed at the broker, so that another try may succeed."""
    async with server(say_nothing, authority.sign("broker", host, days=days)) as port:
        error = await failure(f"127.0.0.1:{port}", TLS, ssl_cafile=str(authority.own.certificate))

    assert type(error) is kind
    assert reason in str(error)


@pytest.mark.parametrize("answer", [say_nothing, hang_up, speak_http])
async def test_what_is_no_broker_is_told(answer: Answer) -> None:
    async with server(answer) as port:
        address = f"127.0.0.1:{port}"
        errors = await asyncio.gather(
            *(failure(address, protocol) for protocol in (PLAIN, TLS, "SASL_SSL"))
        )

    for error in errors:
        assert type(error) is BrokerError
        assert f"broker answers at {address}" in str(error) or "no TLS connection" in str(error)
        assert "is this the port of a Kafka broker" in str(error)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TopicAuthorizationFailedError({"b", "a"}), "user 'ann' may not use the topic a, b"),
        (GroupAuthorizationFailedError("g"), "user 'ann' may not use the consumer group g"),
        (ClusterAuthorizationFailedError(), "user 'ann' may not do this on the cluster; give"),
    ],
)
def test_missing_rights_are_told_with_what_they_are_missing_for(
    error: Exception, text: str
) -> None:
    assert f"not authorised: {text}" in describe(error, "ann")


async def test_a_connection_whose_login_failed_is_closed_before_it_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The Kafka client begins to close it and says that it is open no more."""
    closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Refused:
        _protocol = None

        async def connect(self) -> None:
            self._protocol = object()
            raise OSError("refused")

        def close(self) -> asyncio.Future[None]:
            asyncio.get_running_loop().call_later(0.05, closed.set_result, None)
            return closed

    monkeypatch.setattr(probes, "AIOKafkaConnection", lambda *_, **__: Refused())

    with pytest.raises(OSError, match="refused"):
        async with probes.connection(("broker", 9092), {}) as opened:
            await opened.connect()

    assert closed.done()

"""What Apache Kafka answers to clients that come the wrong way: each cause in one line, soon."""

import time
from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from schemas import catalogue
from schemas.audio import CallEnded
from schemas.errors import BrokerError, CallstreamError, ConfigurationError
from stream_app.replay.publisher import open_publisher
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.access.check import check_brokers
from stream_app.transport.clients import client_options
from stream_app.transport.topics import check_topics, create_topics, describe_topics
from stream_app.worker.supervisor import Supervisor
from tests.kafka.secured import (
    ADMIN,
    GUEST,
    MUTUAL,
    PASSWORDS,
    PROTOCOLS,
    SecuredKafka,
    secured_kafka,
)
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.e2e]

LIMIT_S = 10.0
PLAIN, TLS, LOGIN, TLS_LOGIN = PROTOCOLS
PROTOCOL = "CALLSTREAM_KAFKA__SECURITY_PROTOCOL"
AS_ADMIN = {"sasl_username": ADMIN, "sasl_password": PASSWORDS[ADMIN]}
AS_GUEST = {"sasl_username": GUEST, "sasl_password": PASSWORDS[GUEST]}
# Numbers of the protocol: kinds of resources, operations, permissions
TOPIC, GROUP = 2, 3
READ, WRITE, DESCRIBE = 3, 4, 8
DENY, ALLOW = 2, 3
LITERAL = 3


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """One node with a listener for every security protocol."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as running:
        yield running


async def failure(settings: KafkaSettings) -> CallstreamError:
    began_s = time.monotonic()
    with pytest.raises(CallstreamError) as raised:
        await check_brokers(client_options(settings))
    assert time.monotonic() - began_s < LIMIT_S
    return raised.value


async def may_look_up(kafka: KafkaSettings) -> bool:
    """Return whether a client is shown all topics."""
    try:
        await check_topics(kafka)
    except BrokerError:
        return False
    return True


async def permit(
    kafka: SecuredKafka, permission: int, kind: int, operation: int, name: str = "*"
) -> None:
    """Let the guest do something, or forbid it."""
    admin = AIOKafkaAdminClient(**client_options(kafka.settings(PLAIN)))
    await admin.start()
    try:
        request = CreateAclsRequest(
            kind, name, LITERAL, f"User:{GUEST}", "*", operation, permission
        )
        await admin._send_request(request)
    finally:
        await admin.close()


@pytest.mark.parametrize("listener", PROTOCOLS)
async def test_whoever_comes_the_right_way_is_let_in(kafka: SecuredKafka, listener: str) -> None:
    await check_brokers(client_options(kafka.settings(listener)))


@pytest.mark.parametrize(
    ("listener", "comes_by", "reason", "advice"),
    [
        (LOGIN, PLAIN, "expects a login (SASL)", f"set {PROTOCOL}=SASL_PLAINTEXT"),
        (TLS_LOGIN, TLS, "expects a login (SASL)", f"set {PROTOCOL}=SASL_SSL"),
        (PLAIN, TLS, "speaks no TLS", f"set {PROTOCOL}=PLAINTEXT"),
        (LOGIN, TLS_LOGIN, "speaks no TLS", f"set {PROTOCOL}=SASL_PLAINTEXT"),
        (TLS, PLAIN, "expects TLS", f"set {PROTOCOL}=SSL"),
        (TLS_LOGIN, LOGIN, "expects TLS", f"set {PROTOCOL}=SASL_SSL"),
        (PLAIN, LOGIN, "takes no login (SASL)", f"set {PROTOCOL}=PLAINTEXT"),
        (TLS, TLS_LOGIN, "takes no login (SASL)", f"set {PROTOCOL}=SSL"),
        (MUTUAL, TLS, "does not take our certificate", "SSL_CERTFILE"),
    ],
)
async def test_the_wrong_protocol_is_named_with_the_right_one(
    kafka: SecuredKafka, listener: str, comes_by: str, reason: str, advice: str
) -> None:
    servers = kafka.settings(listener).bootstrap_servers

    error = await failure(kafka.settings(comes_by, bootstrap_servers=servers))

    assert type(error) is ConfigurationError
    assert reason in str(error)
    assert advice in str(error)


@pytest.mark.parametrize("listener", [LOGIN, TLS_LOGIN])
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sasl_password": "wrong"}, "refuses the login of user 'admin' by PLAIN"),
        ({"sasl_username": "nobody"}, "refuses the login of user 'nobody' by PLAIN"),
        ({"sasl_mechanism": "SCRAM-SHA-512"}, "takes no login by SCRAM-SHA-512"),
    ],
)
async def test_a_login_that_fails_is_told(
    kafka: SecuredKafka, listener: str, changes: dict[str, str], reason: str
) -> None:
    error = await failure(kafka.settings(listener, **changes))

    assert type(error) is ConfigurationError
    assert reason in str(error)
    assert "admin-secret" not in str(error)


async def test_the_mechanisms_of_the_broker_are_named(kafka: SecuredKafka) -> None:
    error = await failure(kafka.settings(LOGIN, sasl_mechanism="SCRAM-SHA-256"))

    assert str(error).endswith("set CALLSTREAM_KAFKA__SASL_MECHANISM to PLAIN")


async def test_a_client_with_a_known_certificate_is_let_in(kafka: SecuredKafka) -> None:
    own = kafka.authority.sign("client")

    await check_brokers(
        client_options(
            kafka.settings(MUTUAL, ssl_certfile=str(own.certificate), ssl_keyfile=str(own.key))
        )
    )


async def test_one_of_several_servers_is_enough(kafka: SecuredKafka) -> None:
    servers = f"127.0.0.1:1,{kafka.settings(PLAIN).bootstrap_servers},no-such-host.invalid:2"

    await check_brokers(client_options(kafka.settings(PLAIN, bootstrap_servers=servers)))


async def test_missing_rights_are_told_instead_of_missing_topics(kafka: SecuredKafka) -> None:
    """Kafka lists only what one may see; what is not there must not be created anew."""
    await create_topics(kafka.settings(PLAIN))
    guest = kafka.settings(LOGIN, **AS_GUEST)

    for work in (describe_topics, create_topics):
        with pytest.raises(BrokerError, match="not authorised: user 'guest' may not use the topic"):
            await work(guest)


async def test_an_agent_tells_which_right_it_lacks_and_waits_for_it(kafka: SecuredKafka) -> None:
    """For its topics, then for its group; once it has them it works."""
    await create_topics(kafka.settings(PLAIN))
    guest = kafka.settings(LOGIN, **AS_GUEST)
    settings = Settings().replace(kafka=guest.model_dump(), worker={"id": "rights"})
    with Supervisor(settings, ["finalize"]) as supervisor:
        await until(lambda: "may not use the topic" in supervisor.delays)
        for operation in (READ, WRITE, DESCRIBE):
            await permit(kafka, ALLOW, TOPIC, operation)
        await until(lambda: "consumer group callstream.finalize" in supervisor.delays)
        await permit(kafka, ALLOW, GROUP, READ)
        await until(lambda: supervisor.is_ready)
        await permit(kafka, DENY, TOPIC, READ, catalogue.TURNS)
        await until(lambda: f"may not use the topic {catalogue.TURNS}" in supervisor.delays)
        assert supervisor.failure == ""


async def test_a_gateway_without_the_right_to_write_is_told(kafka: SecuredKafka) -> None:
    await create_topics(kafka.settings(PLAIN))
    await permit(kafka, DENY, TOPIC, WRITE, catalogue.AUDIO)
    for operation in (WRITE, DESCRIBE):  # who may write to no topic gets no id as a producer
        await permit(kafka, ALLOW, TOPIC, operation)
    await until(lambda: may_look_up(kafka.settings(LOGIN, **AS_GUEST)))  # brokers learn in order
    ended = CallEnded(call_id="c", event_id="e", captured_at_ns=1)

    async with open_publisher(kafka.settings(LOGIN, **AS_GUEST), catalogue.AUDIO) as publisher:
        await publisher.publish(ended)
        with pytest.raises(BrokerError, match=f"not authorised: .*{catalogue.AUDIO}"):
            await publisher.flush()

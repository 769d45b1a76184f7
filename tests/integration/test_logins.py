"""Every way of login, with real brokers: our clients, and the consumer of an agent."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import catalogue
from schemas.errors import BrokerError
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.access.check import check_brokers
from stream_app.transport.clients import client_options, create_producer
from stream_app.transport.log_reader import BEGINNING, read_partitions
from tests.kafka.cluster import create_topics
from tests.kafka.secured import (
    ADMIN,
    LOGINS,
    MUTUAL,
    SCRAM,
    SESSION_S,
    SecuredKafka,
    secured_kafka,
)
from tests.support.certificates import encrypted
from tests.support.system.fleet import Fleet
from tests.support.system.token_endpoint import jwt, token_endpoint
from tests.support.waiting import moment, until

pytestmark = [pytest.mark.kafka, pytest.mark.e2e]
WORD = "opens the key"
LIFETIME_S = 5
JUNK = b"\x00 no message"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """One node with a listener for every login, and for clients that have a certificate."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as running:
        yield running


async def letters(kafka: KafkaSettings) -> int:
    """Return how many dead letters there are."""
    starts = dict.fromkeys(range(kafka.partitions), BEGINNING)
    found = read_partitions(kafka, catalogue.DEAD_LETTERS, starts)
    return len([record async for record in found])


async def assert_refuses_junk(kafka: KafkaSettings, folder: Path, *, times: int) -> None:
    """Write what an agent refuses, read its dead letters; between two times sessions end."""
    await check_brokers(client_options(kafka))
    await create_topics(kafka)
    producer = create_producer(kafka)
    await producer.start()
    settings = Settings().replace(kafka=kafka.model_dump())
    try:
        with Fleet(settings, folder) as fleet:
            await fleet.launch("finalize", worker="w").ready()
            for wanted in range(1, times + 1):
                await producer.send_and_wait(catalogue.TURNS, JUNK, key=b"call")

                async def have_come(count: int = wanted) -> bool:
                    return await letters(kafka) == count

                await until(have_come, f"{wanted} dead letters")
                if wanted < times:
                    await moment(time.monotonic() + SESSION_S)
    finally:
        await producer.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", *SCRAM])
async def test_a_password_lets_every_client_in(
    kafka: SecuredKafka, mechanism: str, tmp_path: Path
) -> None:
    prefix = f"{mechanism.lower()}."

    await assert_refuses_junk(
        kafka.settings(LOGINS, sasl_mechanism=mechanism, topic_prefix=prefix), tmp_path, times=1
    )


async def test_tokens_are_renewed_for_as_long_as_an_agent_runs(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    """The brokers end a session after four seconds, and a token holds for five."""
    with token_endpoint() as endpoint:
        now_s = int(time.time())
        tokens = [jwt(sub=ADMIN, iat=now_s, exp=now_s + 600 + number) for number in range(100)]
        bodies = ({"access_token": token, "expires_in": LIFETIME_S} for token in tokens)
        endpoint.answers = [(200, json.dumps(body).encode()) for body in bodies]
        login = {**endpoint.login, "sasl_username": "", "topic_prefix": "oauth."}

        await assert_refuses_junk(kafka.settings(LOGINS, **login), tmp_path, times=3)

    assert len(endpoint.asked) >= 3


async def test_a_token_that_the_brokers_refuse_is_told(kafka: SecuredKafka, tmp_path: Path) -> None:
    """Aiokafka takes it for a login, and the brokers' next answer for an empty cluster."""
    path = tmp_path / "token"
    path.write_text(jwt(sub=ADMIN, iat=1, exp=2))
    login = {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_file": str(path)}

    with pytest.raises(BrokerError, match=r"refuses the login .* by OAUTHBEARER.*invalid_token"):
        await check_brokers(client_options(kafka.settings(LOGINS, **login)))


async def test_a_certificate_with_an_encrypted_key_lets_every_client_in(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    own = encrypted(kafka.authority.sign("client"), WORD)
    files = {"ssl_certfile": str(own.certificate), "ssl_keyfile": str(own.key)}
    settings = kafka.settings(MUTUAL, **files, ssl_keypassword=WORD, topic_prefix="tls.")

    await assert_refuses_junk(settings, tmp_path, times=1)

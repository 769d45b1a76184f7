"""The look at the brokers before a client starts: it finds the cause of a failure in seconds.

A client of aiokafka tries for its request timeout, 40 s, and then says only that it could not
bootstrap. This look makes the same connection, with less patience, and keeps the error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiokafka.cluster import ClusterMetadata
from aiokafka.conn import collect_hosts
from aiokafka.protocol.metadata import MetadataRequest

from stream_app.transport.access.causes import (
    Cause,
    Options,
    Server,
    as_error,
    cause_of,
    name_of,
    no_token,
)
from stream_app.transport.access.probes import FAILURES, connection, explain, silent
from stream_app.transport.security.sasl import TokenError

ANSWER_S = 4.0  # for a connection, with TLS, login and the names of the brokers
EXPLAIN_S = 4.5  # for the probes that tell why there was none


async def check_brokers(options: Options) -> None:
    """Return once a broker has let us in and named one that can be reached from here.

    Args:
        options: Of the client that is about to start, as aiokafka takes them.

    Raises:
        ConfigurationError: The settings do not fit the brokers; the message says which.
        BrokerError: No broker answers, or what is wrong is not a setting of ours.
    """
    await _check_token(options)
    found = collect_hosts(str(options["bootstrap_servers"]), randomize=False)
    servers = [(host, port) for host, port, _ in found]
    causes = await _unless_one_succeeds(lambda server: _enter(server, options), servers)
    if causes:
        raise as_error(causes)


async def _check_token(options: Options) -> None:
    """Return once there is a token to log in with, if one is needed."""
    provider = options.get("sasl_oauth_token_provider")
    try:
        if provider is not None:
            await provider.token()
    except TokenError as error:
        raise no_token(error) from error


async def _unless_one_succeeds(
    attempt: Callable[[Server], Awaitable[Cause | None]], servers: Sequence[Server]
) -> list[Cause]:
    """Return the causes of all servers, none as soon as an attempt has succeeded."""
    tasks = [asyncio.ensure_future(attempt(server)) for server in servers]
    causes = []
    try:
        for done in asyncio.as_completed(tasks):
            cause = await done
            if cause is None:
                return []
            causes.append(cause)
        return causes
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _enter(server: Server, options: Options) -> Cause | None:
    """Return why a bootstrap server is of no use, None if it is."""
    named = await _named_brokers(server, options)
    if isinstance(named, Cause):
        return named
    if not named or server in named:
        return None

    async def reach(other: Server) -> Cause | None:
        answer = await _named_brokers(other, options)
        return answer if isinstance(answer, Cause) else None

    causes = await _unless_one_succeeds(reach, named)
    if not causes:
        return None
    names = ", ".join(name_of(other) for other in named)
    reason = causes[0].text.replace("{at}", name_of(causes[0].server))
    text = f"the broker at {{at}} sends its clients to {names}, and {reason}"
    advice = "its advertised.listeners must name an address that this machine can reach"
    return Cause(server, text, advice)


async def _named_brokers(server: Server, options: Options) -> list[Server] | Cause:
    """Return the brokers that a server names, or why it names none."""
    try:
        async with asyncio.timeout(ANSWER_S), connection(server, options) as opened:
            await opened.connect()
            answer = await opened.send(MetadataRequest([]))
    except FAILURES as error:
        return cause_of(server, options, error) or await _explain(server, options, error)
    metadata = ClusterMetadata()
    metadata.update_metadata(answer)
    return [(broker.host, broker.port) for broker in metadata.brokers()]


async def _explain(server: Server, options: Options, error: Exception) -> Cause:
    try:
        async with asyncio.timeout(EXPLAIN_S):
            return await explain(server, options, error)
    except TimeoutError:
        return silent(server)

"""`callstream health`: which agent of this host is ill, and why."""

from collections import Counter
from typing import Annotated

import typer

from stream_app.cli.commands.worker import parse_agents
from stream_app.cli.failures import FAILURE, failed
from stream_app.monitoring.host_health import LIVE_PATH, READY, READY_PATH, ask_agents
from stream_app.settings import load_settings

LIVE = "live"


def health(
    *,
    agents: Annotated[
        str,
        typer.Option(
            metavar="NAME[=N],..",
            help="Which must be there, in how many processes; by default, any that answer.",
        ),
    ] = "",
    live: Annotated[
        bool, typer.Option("--live", help="Ask whether they work at all, not for their brokers.")
    ] = False,
) -> None:
    """Ask every agent on this host whether it is ready, one line each.

    The exit code is 0 if all are, 1 if one is not or none answers. An agent that is not ready says
    why: it recovers, no broker answers, or it lacks a partition.
    """
    wanted = Counter(parse_agents(agents))
    metrics = load_settings().metrics
    if not metrics.port:
        raise failed(FAILURE, "CALLSTREAM_METRICS__PORT is 0: the agents answer no questions")
    states = ask_agents(metrics.host, metrics.port, LIVE_PATH if live else READY_PATH)
    well = LIVE if live else READY
    for state in states:
        typer.echo(f"{state.name:<16} {state.port:>5}  {state.problem or well}")
    missing = sorted((wanted - Counter(state.name for state in states)).elements())
    for name in missing:
        typer.echo(f"{name:<16} {'':>5}  no process answers")
    if not states and not missing:
        raise failed(FAILURE, f"no agent answers from port {metrics.port} on")
    if missing or any(state.problem for state in states):
        raise typer.Exit(FAILURE)

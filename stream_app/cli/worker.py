"""`callstream worker`: agents in processes of their own."""

from collections.abc import Sequence
from typing import Annotated

import typer

from stream_app.cli.options import BrokersOption, settings_for


def worker(
    agents: Annotated[
        str,
        typer.Option(
            metavar="NAME[=N],..",
            help="Which agents to run, in how many processes: transcribe=4 uses four cores.",
        ),
    ] = "transcribe,detect_turns,finalize",
    brokers: BrokersOption = None,
) -> None:
    """Run agents in processes of their own, restarted when one ends; until Ctrl-C or SIGTERM."""
    from stream_app.agents import AGENTS  # noqa: PLC0415
    from stream_app.logging import configure_logging  # noqa: PLC0415
    from stream_app.worker import run_worker  # noqa: PLC0415

    names = parse_agents(agents, AGENTS)
    settings = settings_for(brokers)
    configure_logging(settings.worker.log_level)
    run_worker(settings, names, on_ready=lambda: typer.echo("ready", err=True))


def parse_agents(text: str, known: Sequence[str]) -> list[str]:
    """Return the name of an agent for each process that is asked for.

    Args:
        text: Such as ``transcribe=4,detect_turns``.
        known: Names there are.

    Raises:
        typer.BadParameter: A name that is unknown, or a count that is none.
    """
    names: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = part.partition("=")
        if name not in known:
            message = f"no agent '{name}'; choose from {', '.join(known)}"
            raise typer.BadParameter(message, param_hint="--agents")
        if "=" in part and not (count.isdecimal() and int(count)):
            message = f"'{part}': give the number of processes, such as {name}=2"
            raise typer.BadParameter(message, param_hint="--agents")
        names += [name] * int(count or 1)
    return names

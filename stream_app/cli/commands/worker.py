"""`callstream worker`: agents in processes of their own."""

from typing import Annotated

import typer

from schemas.errors import ConfigurationError
from stream_app.agents.registry import DEFAULT_AGENTS, check_agent
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.logs.logging import configure_logging
from stream_app.worker.supervisor import run_worker


def worker(
    agents: Annotated[
        str,
        typer.Option(
            metavar="NAME[=N],..",
            help="Which agents to run, in how many processes: transcribe=4 uses four cores. "
            "module:function names one that stands elsewhere.",
        ),
    ] = ",".join(DEFAULT_AGENTS),
    brokers: BrokersOption = None,
) -> None:
    """Run agents in processes of their own; one that ends is started again.

    Ctrl-C or SIGTERM ends them all.
    """
    names = parse_agents(agents)
    settings = settings_for(brokers)
    configure_logging(settings.worker.log_level, settings.worker.log_format)
    run_worker(settings, names, on_ready=lambda: typer.echo("ready", err=True))


def parse_agents(text: str) -> list[str]:
    """Return the name of an agent for each process that is asked for.

    Args:
        text: Such as ``transcribe=4,detect_turns,my_package.my_agent:define``.

    Raises:
        typer.BadParameter: An unknown name, or a count that is not a positive number.
    """
    names: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = part.partition("=")
        try:
            check_agent(name)
        except ConfigurationError as error:
            raise typer.BadParameter(str(error), param_hint="--agents") from error
        if "=" in part and not (count.isdecimal() and int(count)):
            message = f"'{part}': give the number of processes, such as {name}=2"
            raise typer.BadParameter(message, param_hint="--agents")
        names += [name] * int(count or 1)
    return names

"""`callstream worker`: agents in processes of their own."""

from typing import Annotated

import typer

from stream_app.cli.options import BrokersOption, settings_for


def worker(
    agents: Annotated[
        str, typer.Option(metavar="NAME,..", help="Which agents to run.")
    ] = "transcribe,detect_turns,finalize",
    brokers: BrokersOption = None,
) -> None:
    """Run agents, one process each, restarted when one ends; until Ctrl-C or SIGTERM."""
    from stream_app.agents import AGENTS  # noqa: PLC0415
    from stream_app.logging import configure_logging  # noqa: PLC0415
    from stream_app.worker import run_worker  # noqa: PLC0415

    names = [name.strip() for name in agents.split(",") if name.strip()]
    for name in names:
        if name not in AGENTS:
            message = f"no agent '{name}'; choose from {', '.join(AGENTS)}"
            raise typer.BadParameter(message, param_hint="--agents")
    settings = settings_for(brokers)
    configure_logging(settings.worker.log_level)
    run_worker(settings, names, on_ready=lambda: typer.echo("ready", err=True))

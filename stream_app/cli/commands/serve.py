"""`callstream serve`: the HTTP server."""

from typing import Annotated

import typer

from stream_app.analytics import load_models as load_analytics
from stream_app.api.server import run_server
from stream_app.classification import load_models
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.logs.logging import configure_logging


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, over CALLSTREAM_API__HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Over CALLSTREAM_API__PORT; 0 takes a free one."),
    ] = None,
    brokers: BrokersOption = None,
) -> None:
    """Answer HTTP requests: classify and analyse texts, take corrections of labels.

    Ctrl-C or SIGTERM ends it; requests that are being answered are finished first.
    """
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings_for(brokers).replace(api=given)
    configure_logging(settings.worker.log_level, settings.worker.log_format)
    run_server(
        settings,
        lambda: load_models(settings.classification),
        lambda: load_analytics(settings.analytics),
        on_ready=lambda url: typer.echo(f"ready: {url}", err=True),
    )
